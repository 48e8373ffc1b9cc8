/**
 * The six curves of a console: which keys of the history they are, and what stands around them. Pure.
 *
 * @import { Alert, SkuRow } from '../../types/frames.js'
 * @import { Moment } from './tiles.js'
 * @import { Limit } from './limits.js'
 * @typedef {'10m' | '1h' | 'all'} Range
 * @typedef {{ range: Range, zoom: { from: number, to: number } | null, sku: string }} View  `sku`: empty, the one that runs out first
 * @typedef {{ text: string, colour: number | 'limit' | 'forecast', rank?: number }} Key
 * @typedef {{ key: string, colour: string, dash: number[], factor: number }} Line
 * @typedef {{ id: string, at: number, to: number | null, rank: number }} Alarm
 * @typedef {{
 *   id: string, title: string, keys: Key[], from: number, to: number, ceilingOf: number, lines: Line[], unit: 'number' | 'tenths' | 'percent', column: string,
 *   limit: { value: number, text: string, below: boolean } | null, alarms: Alarm[],
 *   forecast: { rank: number, from: { at: number, value: number }, to: { at: number, value: number }, endAt: number | null, nowText: string, outText: string, endText: string } | null
 * }} Trend  `column`: its heading in the table
 */

import { clock, currencyDigits, number } from '../format.js'
import { t } from '../words.js'
import { isSpoken, rank } from './alerts.js'
import { topic } from '../feed/board.js'
import { limitOf } from './limits.js'
import { measures, standing } from './tiles.js'
import { endOfNow } from './rundown.js'
import { forecast, riskiest } from './skus.js'

const LENGTH = { '10m': 600_000, '1h': 3_600_000 }
const DASHES = [[], [6, 4], [2, 3], [10, 3, 2, 3], [4, 2], [1, 3]]
const LEAST_MS = 120_000 // the first seconds alone would be one wild scribble over the whole width
const MARGIN_MS = 30_000
const LATE_MS = 3_000

/** @param {Moment} moment @param {View} view @returns {{ from: number, to: number }} */
export function extent (moment, view) {
  const to = moment.head?.ended_ms ?? moment.nowMs
  const started = moment.head?.started_ms ?? moment.head?.opened_ms ?? to - LEAST_MS
  if (view.zoom) return { from: Math.max(started, view.zoom.from), to: Math.max(view.zoom.from + LEAST_MS / 4, Math.min(to, view.zoom.to)) }
  const from = view.range === 'all' ? started : Math.max(started, to - LENGTH[view.range])
  return { from, to: Math.max(to, from + LEAST_MS) }
}

/** @param {Moment} moment @param {View} view @param {readonly Alert[]} alerts  of the whole session @returns {Trend[]} */
export function trends (moment, view, alerts) {
  const base = { ...extent(moment, view), moment, view, alerts }
  return [viewers(base), rate(base), comments(base), sales(base), stock(base), pace(base)]
}

/** @typedef {{ from: number, to: number, moment: Moment, view: View, alerts: readonly Alert[] }} Base */

/** @param {Moment} moment @param {View} view @returns {SkuRow | null} the one whose curves are shown */
export function skuOf (moment, view) {
  const rows = topic(moment.board, 'skus')
  return rows.get(view.sku) ?? riskiest(rows.values())
}

/** @param {Moment} moment @returns {{ from: number, to: number, text: string, short: string }[]} spans in which nobody took events */
export function gaps (moment) {
  return [...topic(moment.board, 'gaps').values()].map((gap) => ({
    from: gap.start_ms, to: gap.end_ms, text: t('state.down_span', { from: clock(gap.start_ms, moment.zone), to: clock(gap.end_ms, moment.zone) }), short: t('state.down')
  }))
}

/** @param {Base} base @param {(alert: Alert) => boolean} concerns @returns {Alarm[]} */
function alarms ({ alerts }, concerns) {
  return alerts.filter(concerns).map((alert) => ({ id: alert.id, at: alert.opened_ms, to: alert.condition === 'ended' ? alert.ended_ms ?? null : null, rank: rank(alert) }))
}

/** @param {Base} base @param {string} id @param {string} title @param {Line[]} lines @returns {Trend} */
function plain ({ from, to }, id, title, lines) {
  return { id, title, keys: [], from, to, ceilingOf: 0, lines, unit: 'number', column: title, limit: null, alarms: [], forecast: null }
}

/** @param {string} key @param {number} [factor] @returns {Line} */
const single = (key, factor = 1) => ({ key, colour: '--c1', dash: [], factor })

/** @param {Limit | null} limit @param {number} factor @param {(value: number) => string} write @returns {Trend['limit']} */
const drawn = (limit, factor, write) => (limit === null ? null : { value: limit.value * factor, below: limit.below, text: write(limit.value * factor) })

/** @param {Trend} trend @returns {Trend} its line is on the chart, with some air above it */
function withLimit (trend) {
  return trend.limit === null ? trend : { ...trend, ceilingOf: Math.max(trend.ceilingOf, trend.limit.value * 1.25) }
}

/** @param {readonly string[]} names @returns {string[]} without the words that all of them begin with: what is left tells them apart */
export function apart (names) {
  const words = names.map((name) => name.split(' '))
  let same = 0
  while (words.every((one) => one.length > same + 1 && one[same] === words[0][same])) same++
  return words.map((one) => one.slice(same).join(' '))
}

/** @param {Base} base @returns {Trend} */
function viewers (base) {
  const { moment } = base
  const readings = topic(moment.board, 'readings')
  const counted = (/** @type {string} */ key) => readings.has(key) || moment.history.has(key) // the board knows before the past is here
  const rooms = [...topic(moment.board, 'rooms').values()].filter((room) => counted(`viewers@room:${room.id}`)).slice(0, 6)
  const split = rooms.length > 1
  const lines = split ? rooms.map((room, i) => ({ key: `viewers@room:${room.id}`, colour: `--c${i + 1}`, dash: DASHES[i], factor: 1 })) : [single('viewers@session')]
  const own = measures('viewers')
  return withLimit({
    ...plain(base, 'viewers', t('metric.viewers'), lines), keys: split ? apart(rooms.map((room) => room.name)).map((text, i) => ({ text, colour: i + 1 })) : [],
    limit: split ? null : drawn(limitOf(moment.board, 'viewers', 'session'), 1, (value) => number(value)),
    alarms: alarms(base, (alert) => isSpoken(alert) || alert.scope === 'line' || own(alert))
  })
}

/** @param {Base} base @returns {Trend} */
function rate (base) {
  return withLimit({
    ...plain(base, 'rate', t('console.chart.rate'), [single('interaction_rate_5m@session', 100)]), unit: 'percent',
    limit: drawn(limitOf(base.moment.board, 'interaction_rate_5m', 'session'), 100, (value) => `${number(value, 1)}%`),
    alarms: alarms(base, measures('interaction_rate'))
  })
}

/** @param {Base} base @returns {Trend} */
function comments (base) {
  return withLimit({
    ...plain(base, 'comments', t('console.chart.comments'), [single('comments_60s@session')]),
    limit: drawn(limitOf(base.moment.board, 'comments_60s', 'session'), 1, (value) => number(value)), alarms: alarms(base, measures('comments'))
  })
}

/** @param {Base} base @returns {Trend} */
function sales (base) {
  const factor = 10 ** -currencyDigits(base.moment.currency)
  return withLimit({
    ...plain(base, 'sales', t('console.chart.sales'), [single('gmv_60s@session', factor)]),
    limit: drawn(limitOf(base.moment.board, 'gmv_60s', 'session'), factor, (value) => number(value)), alarms: alarms(base, measures('gmv'))
  })
}

/** @param {SkuRow | null} row @returns {(metric: string) => number | null | undefined} */
const measureOf = (row) => (metric) => /** @type {{ [name: string]: any } | null} */ (row)?.[metric]

/** @param {Base} base @returns {Trend} */
function stock (base) {
  const { moment, view, from, to } = base
  const row = skuOf(moment, view)
  const rankNow = row ? standing(moment, (alert) => alert.scope === 'sku' && alert.scope_id === row.sku).rank : 0
  const ahead = row && !view.zoom && moment.head?.state !== 'ended' ? lookAhead(moment, row, to - from, rankNow) : null
  return {
    ...plain(base, 'stock', t('console.chart.stock'), [single(row ? `sellable@sku:${row.sku}` : '')]),
    keys: ahead && row ? [{ text: t('console.chart.pace', { n: number(row.sell_rate ?? 0) }), colour: 'forecast', rank: rankNow }] : [],
    to: ahead ? Math.max(to, ahead.endAt ?? 0, ahead.to.at) + MARGIN_MS : to, ceilingOf: row?.sellable ?? 0,
    limit: row?.stock_line ? drawn(limitOf(moment.board, 'sellable', 'sku', measureOf(row)), 1, (value) => number(value)) : null,
    alarms: alarms(base, (alert) => alert.scope === 'sku' && alert.scope_id === row?.sku), forecast: ahead
  }
}

/** @param {Base} base @returns {Trend} */
function pace (base) {
  const row = skuOf(base.moment, base.view)
  return withLimit({
    ...plain(base, 'pace', t('console.chart.rate_of'), [single(row ? `sell_rate@sku:${row.sku}` : '')]), unit: 'tenths',
    limit: drawn(limitOf(base.moment.board, 'sell_rate', 'sku', measureOf(row)), 1, (value) => number(value))
  })
}

/** @param {Moment} moment @param {SkuRow} row @param {number} past  length of what is drawn of the past @param {number} rank  of the worst open alert of it, 0 for none @returns {Trend['forecast']} */
function lookAhead (moment, row, past, rank) {
  const end = endOfNow(topic(moment.board, 'rundown').get('now'))
  const nowMs = moment.knownMs
  const ahead = forecast(row, nowMs, end)
  if (!ahead || row.sellable == null || ahead.outAt - nowMs > past * 1.5) return null // so far off that the past would be squeezed away
  const endAt = end !== null && end > nowMs && end - nowMs <= past * 1.5 ? end : null
  return {
    rank, from: { at: nowMs, value: row.sellable }, to: { at: ahead.outAt, value: 0 }, endAt, nowText: t('console.chart.now'),
    outText: t('console.chart.out', { at: clock(ahead.outAt, moment.zone, false) }),
    endText: endAt === null ? '' : t('console.chart.ends', { at: clock(endAt, moment.zone, false) })
  }
}

/** @param {Trend} trend @param {Moment} moment @param {number} at @param {(value: number) => string} write @returns {string} what the curves say at an instant */
export function readAt (trend, moment, at, write) {
  return trend.lines.map((line) => newest(moment, line.key, Math.floor(at / 1_000) * 1_000) * line.factor).map((value) => (Number.isNaN(value) ? '—' : write(value))).join(' · ')
}

/** @param {Moment} moment @param {string} key @param {number} second @returns {number} its value, or that of a second or two before: frames may come late */
function newest ({ history }, key, second) {
  for (let at = second; at >= second - LATE_MS; at -= 1_000) {
    const value = history.at(key, at)
    if (!Number.isNaN(value)) return value
  }
  return NaN
}

const ROWS = 12
const ROW_STEPS_MS = [5_000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000, 3_600_000]

/** @param {Moment} moment @param {View} view @returns {number[]} the instants of the table's rows, newest first */
export function rowTimes (moment, view) {
  const { from, to } = extent(moment, view)
  const end = Math.min(to, moment.nowMs)
  const step = ROW_STEPS_MS.find((one) => (end - from) / one <= ROWS) ?? ROW_STEPS_MS[ROW_STEPS_MS.length - 1]
  const times = []
  if (end % step !== 0) times.push(Math.floor(end / 1_000) * 1_000)
  for (let at = Math.floor(end / step) * step; at >= from; at -= step) times.push(at)
  return times
}
