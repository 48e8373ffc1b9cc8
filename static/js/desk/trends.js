/**
 * The four curves of a console: what lies behind them, and where the rundown, the alerts and the gaps are. Pure.
 *
 * @import { Alert, SkuRow } from '../../types/frames.js'
 * @import { Span } from './history.js'
 * @import { Moment } from './tiles.js'
 * @typedef {'15m' | '1h' | 'all'} Range
 * @typedef {{ text: string, colour: number | 'limit' | 'forecast', rank?: number }} Key
 * @typedef {{
 *   id: string, title: string, keys: Key[], read: string, from: number, to: number, ceilingOf: number,
 *   lines: { span: Span, colour: string, dash: number[] }[], factor: number, percent: boolean,
 *   limit: { value: number, text: string, below: boolean } | null, alarms: { at: number, rank: number }[],
 *   forecast: { rank: number, from: { at: number, value: number }, to: { at: number, value: number }, endAt: number | null, nowText: string, outText: string, endText: string } | null
 * }} Trend
 */

import { clock, currencyDigits, number } from '../format.js'
import { authored, t } from '../words.js'
import { isSpoken, rank } from './alerts.js'
import { topic } from '../feed/board.js'
import { RATE_FLOOR, measures, standing } from './tiles.js'
import { endOfNow, startOf } from './rundown.js'
import { forecast, riskiest } from './skus.js'

const LENGTH = { '15m': 900_000, '1h': 3_600_000 }
const DASHES = [[], [6, 4], [2, 3], [10, 3, 2, 3], [4, 2], [1, 3]]
const LEAST_MS = 120_000 // the first seconds alone would be one wild scribble over the whole width

/** @param {Moment} moment @param {Range} range @returns {{ from: number, to: number }} */
export function extent (moment, range) {
  const to = moment.head?.ended_ms ?? moment.nowMs
  const started = moment.head?.started_ms ?? moment.head?.opened_ms ?? to - LEAST_MS
  const from = range === 'all' ? started : Math.max(started, to - LENGTH[range])
  return { from, to: Math.max(to, from + LEAST_MS) }
}

/** @param {Moment} moment @param {Range} range @param {number | null} cursor @returns {Trend[]} */
export function trends (moment, range, cursor) {
  return [viewers(moment, range, cursor), rate(moment, range, cursor), sales(moment, range, cursor), stock(moment, range, cursor)]
}

/** @param {Moment} moment @returns {{ at: number, text: string }[]} where segments began */
export function marks (moment) {
  const rundown = topic(moment.board, 'rundown').get('now')
  if (!rundown) return []
  return rundown.segments.filter((segment) => segment.started_ms != null).map((segment) => ({ at: startOf(segment, rundown) ?? 0, text: authored(segment.title).text }))
}

/** @param {Moment} moment @returns {{ from: number, to: number, text: string, short: string }[]} spans in which nobody took events */
export function gaps (moment) {
  return [...topic(moment.board, 'gaps').values()].map((gap) => ({
    from: gap.start_ms, to: gap.end_ms, text: t('state.down_span', { from: clock(gap.start_ms, moment.zone), to: clock(gap.end_ms, moment.zone) }), short: t('state.down')
  }))
}

/** @param {Moment} moment @param {(alert: Alert) => boolean} concerns @returns {{ at: number, rank: number }[]} */
function alarms (moment, concerns) {
  return [...topic(moment.board, 'alerts').values()].filter(concerns).map((alert) => ({ at: alert.opened_ms, rank: rank(alert) }))
}

/** @param {Span} span @param {number} factor @returns {Span} */
function scaled (span, factor) {
  return factor === 1 ? span : { ...span, values: span.values.map((value) => value * factor) }
}

/** @param {readonly { span: Span }[]} lines @returns {number} */
function highest (lines) {
  let most = 0
  for (const { span } of lines) for (const value of span.values) if (value > most) most = value
  return most
}

/** @param {readonly { span: Span }[]} lines @param {number | null} cursor @param {Moment} moment @param {(value: number) => string} write @returns {string} */
function readAt (lines, cursor, moment, write) {
  if (cursor === null) return ''
  const values = lines.map(({ span }) => span.values[Math.round((cursor - span.from) / span.step)])
  const text = values.map((value) => value === undefined || Number.isNaN(value) ? '—' : write(value)).join(' · ')
  return `${clock(cursor, moment.zone)}  ${text}`
}

/** @param {Moment} moment @param {Range} range @param {number | null} cursor @returns {Trend} */
function viewers (moment, range, cursor) {
  const { from, to } = extent(moment, range)
  const rooms = [...topic(moment.board, 'rooms').values()].filter((room) => moment.history.has(`viewers@room:${room.id}`))
  const whole = rooms.length < 2
  const lines = (whole ? ['viewers@session'] : rooms.map((room) => `viewers@room:${room.id}`)).slice(0, 6).map((key, i) => ({
    span: moment.history.span(key, from, to), colour: `--c${i + 1}`, dash: DASHES[i]
  }))
  const speech = (/** @type {Alert} */ alert) => isSpoken(alert) || alert.scope === 'line'
  return {
    id: 'viewers', title: t('metric.viewers'), keys: whole ? [] : rooms.slice(0, 6).map((room, i) => ({ text: room.name, colour: i + 1 })),
    read: readAt(lines, cursor, moment, (value) => number(value)), from, to, ceilingOf: highest(lines), lines, factor: 1, percent: false,
    limit: null, alarms: alarms(moment, speech), forecast: null
  }
}

/** @param {Moment} moment @param {Range} range @param {number | null} cursor @returns {Trend} */
function rate (moment, range, cursor) {
  const { from, to } = extent(moment, range)
  const lines = [{ span: scaled(moment.history.span('interaction_rate_5m@session', from, to), 100), colour: '--c1', dash: [] }]
  const floor = RATE_FLOOR * 100
  return {
    id: 'rate', title: t('console.chart.rate'), keys: [{ text: t('console.chart.floor'), colour: 'limit' }],
    read: readAt(lines, cursor, moment, (value) => `${number(value, 1)}%`), from, to, ceilingOf: Math.max(highest(lines), floor * 1.6), lines, factor: 100, percent: true,
    limit: { value: floor, text: `${number(floor, 1)}%`, below: true }, alarms: alarms(moment, measures('interaction_rate')), forecast: null
  }
}

/** @param {Moment} moment @param {Range} range @param {number | null} cursor @returns {Trend} */
function sales (moment, range, cursor) {
  const { from, to } = extent(moment, range)
  const factor = 10 ** -currencyDigits(moment.currency)
  const lines = [{ span: scaled(perMinute(moment, from, to), factor), colour: '--c1', dash: [] }]
  return {
    id: 'sales', title: t('console.chart.sales'), keys: [], read: readAt(lines, cursor, moment, (value) => number(value)),
    from, to, ceilingOf: highest(lines), lines, factor, percent: false, limit: null, alarms: [], forecast: null
  }
}

/** @param {Moment} moment @param {number} from @param {number} to @returns {Span} paid amount of the last minute, each second */
function perMinute ({ history }, from, to) {
  if (history.has('gmv_60s@session')) return history.span('gmv_60s@session', from, to)
  const total = history.span('gmv@session', from - 60_000, to)
  const values = new Float64Array(Math.max(1, total.values.length - 60))
  for (let i = 0; i < values.length; i++) values[i] = total.values[i + 60] - total.values[i]
  return { from: total.from + 60_000, step: total.step, values }
}

/** @param {Moment} moment @param {Range} range @param {number | null} cursor @returns {Trend} */
function stock (moment, range, cursor) {
  const { from, to } = extent(moment, range)
  const row = riskiest(topic(moment.board, 'skus').values())
  const key = row ? `sellable@sku:${row.sku}` : ''
  const lines = [{ span: moment.history.span(key, from, to), colour: '--c1', dash: [] }]
  const rankNow = row ? standing(moment, (alert) => alert.scope === 'sku' && alert.scope_id === row.sku).rank : 0
  const ahead = row && moment.head?.state !== 'ended' ? lookAhead(moment, row, to - from, rankNow) : null
  return {
    id: 'stock', title: row ? t('console.chart.stock_of', { name: row.name }) : t('console.chart.stock'),
    keys: ahead && row ? [{ text: t('console.chart.pace', { n: number(row.sell_rate ?? 0) }), colour: 'forecast', rank: rankNow }] : [],
    read: readAt(lines, cursor, moment, (value) => number(value)), from, to: ahead ? Math.max(to, (ahead.endAt ?? 0), ahead.to.at) + 30_000 : to,
    ceilingOf: Math.max(highest(lines), row?.sellable ?? 0), lines, factor: 1, percent: false, limit: null,
    alarms: alarms(moment, (alert) => alert.scope === 'sku' && alert.scope_id === row?.sku), forecast: ahead
  }
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
