/**
 * The charts of a console: their heads in words, their curves on canvas.
 *
 * @import { Trend } from '../desk/trends.js'
 */

import { clock, compact, number } from '../format.js'
import { t } from '../words.js'
import { Chart, scale } from './chart.js'
import { attr, find, keyed, put } from './dom.js'

/** @type {WeakMap<Element, Chart>} */
const charts = new WeakMap()

/**
 * @param {HTMLElement} card
 * @param {Trend} trend
 * @param {{ marks: { at: number, text: string }[], gaps: { from: number, to: number, text: string, short: string }[], cursor: number | null, zone: string, onCursor: (at: number | null) => void }} shared
 */
export function fillTrend (card, trend, { marks, gaps, cursor, zone, onCursor }) {
  put(find(card, '.chart-title'), trend.title)
  keyed(find(card, '.chart-keys'), 'key-row', trend.keys, (key) => `${key.colour}`, (element, key) => {
    put(element, key.text)
    attr(element, 'data-c', key.colour)
    attr(element, 'data-p', key.rank || null)
  })
  put(find(card, '.chart-read'), trend.read)
  const canvas = find(card, '.chart-plot')
  attr(canvas, 'aria-label', said(trend, zone))
  let chart = charts.get(canvas)
  if (!chart) charts.set(canvas, chart = new Chart(canvas, onCursor))
  const { ceiling, ticks } = scale(trend.ceilingOf)
  chart.fill({
    ...trend, ceiling, ticks, marks, gaps, cursor,
    write: trend.percent ? (value) => `${number(value, value % 1 === 0 ? 0 : 1)}%` : axis,
    writeTime: (at) => clock(at, zone, trend.to - trend.from < 240_000)
  })
}

/** @param {number} value @returns {string} short: 24k would be 2.4万 here */
function axis (value) {
  const { value: text, unit } = compact(value, value % 1 === 0 ? 0 : Math.abs(value) < 0.1 ? 2 : 1)
  return text.replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, '') + unit
}

/** @param {Trend} trend @param {string} zone @returns {string} the chart for those who cannot see it */
function said (trend, zone) {
  const values = trend.lines[0]?.span.values ?? []
  let last = NaN
  for (let i = values.length - 1; i >= 0 && Number.isNaN(last); i--) last = values[i]
  return t('console.chart.said', { title: trend.title, from: clock(trend.from, zone, false), to: clock(trend.to, zone, false), value: Number.isNaN(last) ? '—' : number(last, trend.percent ? 1 : 0) })
}
