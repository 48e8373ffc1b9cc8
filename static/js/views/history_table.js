/**
 * The charts as tables: numbers at even instants, and what happened.
 *
 * @import { Moment } from '../desk/tiles.js'
 * @import { Chosen, Mark, Stretch } from '../desk/timeline.js'
 * @import { Trend } from '../desk/trends.js'
 */

import { readAt } from '../desk/trends.js'
import { clock } from '../format.js'
import { t } from '../words.js'
import { attr, find, keyed, put } from './dom.js'
import { writer } from './trends.js'

/** @param {HTMLElement} table @param {readonly number[]} times @param {readonly Trend[]} trends @param {Moment} moment */
export function fillNumbers (table, times, trends, moment) {
  keyed(find(table, 'thead tr'), 'heading-row', [{ id: 'time', column: t('console.table.time') }, ...trends], (one) => one.id, (cell, one) => put(cell, one.column))
  keyed(find(table, 'tbody'), 'numbers-row', times, String, (row, at) => {
    put(find(row, 'th'), clock(at, moment.zone))
    keyed(row, 'number-row', trends, (trend) => trend.id, (cell, trend) => put(cell, readAt(trend, moment, at, writer(trend))))
    if (row.firstElementChild?.tagName !== 'TH') row.prepend(find(row, 'th'))
  })
}

/**
 * @param {HTMLElement} table
 * @param {readonly Mark[]} marks
 * @param {readonly Stretch[]} stretches
 * @param {string} zone
 * @param {Chosen | null} chosen
 */
export function fillEvents (table, marks, stretches, zone, chosen) {
  const segments = stretches.map((one) => ({ key: `segment ${one.key}`, at: one.from, rank: 0, state: t(one.draw ? 'console.mark.draw' : 'console.mark.segment'), text: one.text, also: '', chosen: null }))
  const rows = [...marks, ...segments].sort((a, b) => b.at - a.at || (a.key < b.key ? -1 : 1))
  keyed(find(table, 'tbody'), 'event-row', rows, (one) => one.key, (row, one) => {
    attr(row, 'data-on', one.chosen && chosen && one.chosen.id === chosen.id && one.chosen.kind === chosen.kind ? '' : null)
    const [time, kind, text, how] = row.children
    put(time, clock(one.at, zone))
    put(kind, one.rank > 0 ? `P${one.rank} ${one.state}` : one.state)
    put(text, one.text)
    put(how, one.also)
  })
}
