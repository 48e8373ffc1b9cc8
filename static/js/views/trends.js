/**
 * The charts of a console in words: their heads, what they say at the cursor, and the models of their plots.
 *
 * @import { SkuRow } from '../../types/frames.js'
 * @import { PlotModel } from '../charts/plot.js'
 * @import { Scene } from '../charts/scene.js'
 * @import { Moment } from '../desk/tiles.js'
 * @import { Trend } from '../desk/trends.js'
 */

import { readAt } from '../desk/trends.js'
import { clock, compact, number } from '../format.js'
import { language, t } from '../words.js'
import { attr, find, keyed, put } from './dom.js'

/** @param {Trend} trend @returns {(value: number) => string} a value in full */
export function writer (trend) {
  if (trend.unit === 'percent') return (value) => `${number(value, 1)}%`
  return trend.unit === 'tenths' ? (value) => number(value, value < 10 && value % 1 !== 0 ? 1 : 0) : (value) => number(value)
}

/** @param {HTMLElement} card @param {Trend} trend @param {Moment} moment @param {number | null} cursor */
export function fillHead (card, trend, moment, cursor) {
  put(find(card, '.chart-title'), trend.title)
  keyed(find(card, '.chart-keys'), 'key-row', trend.keys, (key) => `${key.colour}`, (element, key) => {
    put(element, key.text)
    attr(element, 'data-c', key.colour)
    attr(element, 'data-p', key.rank || null)
  })
  const at = cursor !== null && cursor >= trend.from && cursor <= trend.to ? cursor : null
  put(find(card, '.chart-at'), at === null ? '' : clock(at, moment.zone))
  put(find(card, '.chart-read'), at === null ? '' : readAt(trend, moment, at, writer(trend)))
}

/** @param {Trend} trend @param {Moment} moment @param {Omit<Scene, 'alarms' | 'limit' | 'forecast'>} shared @param {number | null} cursor @returns {PlotModel} */
export function model (trend, moment, shared, cursor) {
  const at = Math.min(cursor ?? shared.nowMs, shared.nowMs)
  const values = readAt(trend, moment, at - (cursor === null ? 1_000 : 0), writer(trend))
  return {
    ...trend, ...shared, floor: 0, limit: trend.limit, alarms: trend.alarms, forecast: trend.forecast,
    write: trend.unit === 'percent' ? (value) => `${number(value, value % 1 === 0 ? 0 : 1)}%` : axis,
    writeTime: (time) => clock(time, moment.zone, trend.to - trend.from < 240_000),
    label: t('console.chart.label', { title: trend.title, from: clock(trend.from, moment.zone, false), to: clock(trend.to, moment.zone, false) }),
    said: t('console.chart.said', { at: clock(at, moment.zone), value: values })
  }
}

/** @param {number} value @returns {string} short: 24k would be 2.4万 here */
function axis (value) {
  const { value: text, unit } = short(value)
  return text.replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, '') + unit
}

/** @param {number} value @returns {{ value: string, unit: string }} 0.5亿 for 5,000万, which has no room beside a chart */
function short (value) {
  const hundredMillion = value / 1e8
  if (language() !== 'en' && hundredMillion >= 0.1) return { value: number(hundredMillion, hundredMillion < 1 ? 2 : 1), unit: t('metric.unit.yi') }
  return compact(value, value % 1 === 0 ? 0 : Math.abs(value) < 0.1 ? 2 : 1)
}

/** @param {HTMLSelectElement} select @param {readonly SkuRow[]} rows @param {string} chosen  empty: the one that runs out first @param {SkuRow | null} shown */
export function fillSkuChoice (select, rows, chosen, shown) {
  const first = { sku: '', name: shown && chosen === '' ? t('console.chart.sku_first_of', { name: shown.name }) : t('console.chart.sku_first') }
  keyed(select, 'option-row', [first, ...[...rows].sort((a, b) => (a.sku < b.sku ? -1 : 1))], (row) => row.sku, (option, row) => {
    put(option, row.name || row.sku)
    attr(option, 'value', row.sku)
  })
  if (select.value !== chosen) select.value = chosen
}
