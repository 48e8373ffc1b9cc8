/**
 * The six headline tiles, worded: value, target, change, age, and how much of it may be believed. Pure.
 *
 * @import { Alert, LineRow, Reading, SessionHead, SkuRow } from '../../types/frames.js'
 * @import { Board } from '../feed/board.js'
 * @import { Shown } from './freshness.js'
 * @import { History } from './history.js'
 * @typedef {{ text: string, dir: 'up' | 'down' | 'same' }} Change
 * @typedef {{
 *   id: string, label: string, whole: string, value: string, unit: string, full: string, shown: Shown, age: string, tag: string,
 *   left: string, change: Change | null, right: string, rank: number, series: string, limit: number | null
 * }} TileModel  `rank`: of the worst open alert on it, 0 for none; `series`: a key of the history
 * @typedef {{
 *   board: Board, history: History, nowMs: number, knownMs: number, cutMs: number, zone: string, currency: string, head: SessionHead | undefined
 * }} Moment  `cutMs`: since the last frame of a link that is lost, 0 while there is one; `knownMs`: session time of what the
 *   board says: now, or the last frame's while cut off, so that what is derived from it stands still with it
 */

import { age, clock, compact, delta, money, number, percent } from '../format.js'
import { authored, t } from '../words.js'
import { isListed, rank, stateOf, subjects } from './alerts.js'
import { topic } from '../feed/board.js'
import { freshness, shownAs, worse } from './freshness.js'
import { limitOf } from './limits.js'
import { endOfNow } from './rundown.js'
import { forecast, riskiest } from './skus.js'

const NONE = '—'

/** @param {Moment} moment @returns {TileModel[]} */
export function tiles (moment) {
  return [viewersTile(moment), rateTile(moment), salesTile(moment), commentsTile(moment), stockTile(moment), streamTile(moment)]
}

/** @param {Moment} moment @param {(alert: Alert) => boolean} concerns @returns {{ rank: number, back: boolean }} */
export function standing (moment, concerns) {
  let worst = 0
  let back = false
  for (const alert of topic(moment.board, 'alerts').values()) {
    if (!isListed(alert) || !concerns(alert)) continue
    if (alert.condition === 'ended') back ||= stateOf(alert) === 'back'
    else if (rank(alert) <= 3 && (worst === 0 || rank(alert) < worst)) worst = rank(alert)
  }
  return { rank: worst, back: back && worst === 0 }
}

/** @param {string} metric @returns {(alert: Alert) => boolean} */
export const measures = (metric) => (alert) => subjects(alert).some((name) => name.startsWith(metric))

/**
 * @param {Moment} moment
 * @param {string} id
 * @param {Reading | undefined} reading
 * @param {string} key
 * @param {(value: number) => { value: string, unit: string, full: string }} write
 * @returns {TileModel}
 */
function plain (moment, id, reading, key, write) {
  const { nowMs, cutMs, zone, history, head } = moment
  const ended = head?.state === 'ended'
  const shown = ended && reading?.value != null ? 'live' : worse(shownAs(reading, nowMs), cutMs)
  const value = shown === 'few' || shown === 'unknown' ? null : (reading?.value ?? history.last(key))
  const figure = value === null ? { value: NONE, unit: '', full: '' } : write(value)
  return {
    id, label: t(`metric.${id}`), whole: wholeOf(moment), ...figure, full: [figure.full, split(moment, id, write)].filter(Boolean).join('\n'), shown: value === null && shown === 'stale' ? 'unknown' : shown,
    age: ended ? '' : ageText(reading?.seen_ms, shown, nowMs, zone),
    tag: shown === 'estimated' ? t('state.estimated') : '',
    left: stateNote(shown), change: null, right: '', rank: 0, series: key, limit: null
  }
}

/** @param {Moment} moment @returns {string} a number of several rooms says so */
function wholeOf ({ board }) {
  const n = topic(board, 'rooms').size
  return n > 1 ? t('metric.whole', { n }) : ''
}

/** @param {Moment} moment @param {string} id @param {(value: number) => { value: string, unit: string }} write @returns {string} how the rooms share it, where the board says so */
function split ({ board }, id, write) {
  const rooms = [...topic(board, 'rooms').values()]
  if (rooms.length < 2) return ''
  return rooms.flatMap((room) => {
    const value = topic(board, 'readings').get(`${id}@room:${room.id}`)?.value
    return value == null ? [] : [t('metric.split', { room: room.name, value: brief(write(value)) })]
  }).join(' · ')
}

/** @param {number | null | undefined} seen @param {Shown} shown @param {number} nowMs @param {string} zone @returns {string} */
export function ageText (seen, shown, nowMs, zone) {
  if (seen == null) return ''
  if (shown === 'stale') return t('state.stopped_at', { at: clock(seen, zone) })
  return shown === 'late' ? t('common.ago', { age: age(nowMs - seen) }) : age(nowMs - seen)
}

/** @param {Shown} shown @returns {string} what stands where the target would be */
function stateNote (shown) {
  if (shown === 'few') return t('state.few')
  if (shown === 'unknown') return t('state.unknown')
  return shown === 'stale' ? t('state.stale_note') : ''
}

/** @param {TileModel} tile @param {Reading | undefined} reading @param {string} target @param {(size: number) => string} write @returns {TileModel} */
function compared (tile, reading, target, write) {
  if (tile.left !== '' || reading?.value == null) return tile
  const change = reading.before == null ? null : delta(reading.value - reading.before, write)
  return { ...tile, left: target, change, right: change ? t('metric.than_before') : '' }
}

/** @param {TileModel} tile @param {{ rank: number, back: boolean }} standing @returns {TileModel} */
function marked (tile, standing) {
  return { ...tile, rank: standing.rank, tag: standing.back ? t('state.recovered') : tile.tag }
}

/** @param {Moment} moment @returns {TileModel} */
function viewersTile (moment) {
  const key = 'viewers@session'
  const reading = topic(moment.board, 'readings').get(key)
  const write = (/** @type {number} */ value) => ({ ...compact(value), unit: compact(value).unit || t('metric.unit.people') })
  const tile = plain(moment, 'viewers', reading, key, write)
  const target = reading?.target == null ? '' : t('metric.target', { value: short(reading.target) })
  return marked(compared(tile, reading, target, short), standing(moment, measures('viewers')))
}

/** @param {{ value: string, unit: string }} figure @returns {string} 30万, not 30.00万 */
export const brief = (figure) => figure.value.replace(/\.0+$/, '') + figure.unit

/** @param {number} value @returns {string} */
const short = (value) => brief(compact(value))

/** @param {Moment} moment @returns {TileModel} */
function rateTile (moment) {
  const key = 'interaction_rate_5m@session'
  const reading = topic(moment.board, 'readings').get(key)
  const tile = plain(moment, 'interaction_rate_5m', reading, key, (value) => ({ value: percent(value), unit: '%', full: ratio(reading) }))
  const limit = limitOf(moment.board, 'interaction_rate_5m', 'session')?.value ?? null // a target above it is the session's own wish
  const least = reading?.target ?? limit
  const target = least === null ? '' : t('metric.target_least', { value: `${percent(least)}%` })
  return { ...marked(compared(tile, reading, target, (size) => percent(size)), standing(moment, measures('interaction_rate'))), limit }
}

/** @param {Reading | undefined} reading @returns {string} 47 ÷ 812 */
function ratio (reading) {
  return reading?.num == null || reading.den == null ? '' : t('metric.ratio', { num: number(reading.num), den: number(reading.den) })
}

/** @param {Moment} moment @returns {TileModel} */
function salesTile (moment) {
  const { currency } = moment
  const key = 'gmv@session'
  const reading = topic(moment.board, 'readings').get(key)
  const tile = plain(moment, 'gmv', reading, key, (value) => money(value, currency))
  const text = (/** @type {number} */ minor) => brief(money(minor, currency))
  const target = reading?.target == null || reading.value == null ? '' : t('metric.target_share', { value: text(reading.target), share: number(reading.value / reading.target * 100) })
  return marked(compared(tile, reading, target, text), standing(moment, measures('gmv')))
}

/** @param {Moment} moment @returns {TileModel} */
function commentsTile (moment) {
  const key = 'comments_60s@session'
  const reading = topic(moment.board, 'readings').get(key)
  const tile = plain(moment, 'comments_60s', reading, key, (value) => ({ ...compact(value), unit: compact(value).unit || t('metric.unit.per_minute') }))
  const target = reading?.target == null ? '' : t('metric.target', { value: short(reading.target) })
  return marked(compared(tile, reading, target, short), standing(moment, measures('comments')))
}

/** @param {Moment} moment @returns {Shown} how far what is left of goods may be believed: as far as the orders that sell them */
export function stockShown ({ board, nowMs, cutMs, head }) {
  const orders = topic(board, 'readings').get('gmv@session')
  return head?.state === 'ended' ? 'live' : worse(orders ? shownAs(orders, nowMs) : 'live', cutMs)
}

/** @param {Moment} moment @returns {TileModel} */
function stockTile (moment) {
  const row = riskiest(topic(moment.board, 'skus').values())
  if (!row || row.sellable == null) return { ...empty('stock'), left: t(row ? 'metric.no_stock' : 'metric.no_sku') }
  const shown = stockShown(moment)
  const tile = {
    ...empty('stock'), label: t('metric.stock_of', { name: row.name }), series: `sellable@sku:${row.sku}`,
    ...stockFigure(row), shown: shown === 'few' || shown === 'unknown' ? /** @type {const} */ ('live') : shown,
    age: row.stock_seen_ms == null ? '' : ageText(row.stock_seen_ms, shown === 'stale' || shown === 'late' ? shown : 'live', moment.nowMs, moment.zone)
  }
  return marked({ ...tile, ...stockFoot(moment, row) }, standing(moment, (alert) => alert.scope === 'sku' && alert.scope_id === row.sku))
}

/** @param {SkuRow} row @returns {{ value: string, unit: string, full: string }} */
function stockFigure (row) {
  const full = t('metric.sellable_n', { n: number(row.sellable ?? 0) })
  if ((row.sellable ?? 0) < 0) return { value: number(-(row.sellable ?? 0)), unit: t('metric.unit.oversold'), full }
  if (row.eta_min == null) return { value: number(row.sellable ?? 0), unit: t('metric.unit.pieces'), full }
  if (row.eta_min >= 600) return { value: `>${number(10)}`, unit: t('metric.unit.hours'), full }
  return { value: number(row.eta_min, row.eta_min < 100 ? 1 : 0), unit: t('metric.unit.minutes'), full }
}

/** @param {Moment} moment @param {SkuRow} row @returns {{ left: string, right: string }} */
function stockFoot (moment, row) {
  if ((row.sellable ?? 0) < 0) return { left: t('metric.oversold'), right: '' }
  const ahead = forecast(row, moment.knownMs, endOfNow(topic(moment.board, 'rundown').get('now')))
  if (!ahead) return { left: t('metric.no_eta'), right: '' }
  if (row.eta_min != null && row.eta_min >= 600) return { left: t('metric.lasts'), right: '' }
  return {
    left: t('metric.out_at', { at: clock(ahead.outAt, moment.zone, false) }),
    right: ahead.short > 0 ? t('metric.short_n', { n: number(ahead.short) }) : ''
  }
}

/** @param {string} id @returns {TileModel} */
function empty (id) {
  return { id, label: t(`metric.${id}`), whole: '', value: NONE, unit: '', full: '', shown: 'unknown', age: '', tag: '', left: '', change: null, right: '', rank: 0, series: '', limit: null }
}

/** @param {Iterable<LineRow>} lines @returns {LineRow | null} the one furthest below its target */
export function worstLine (lines) {
  const share = (/** @type {LineRow} */ line) => line.seen_ms == null ? 9 : line.reconnecting ? -1 : (line.bitrate_kbps ?? 0) / Math.max(1, line.target_kbps)
  return [...lines].sort((a, b) => share(a) - share(b))[0] ?? null
}

/** @param {Moment} moment @param {LineRow} line @returns {Shown} */
export function lineShown ({ board, nowMs, cutMs, head }, line) {
  const every = topic(board, 'readings').get(`bitrate_kbps@line:${line.name}`)?.every_ms ?? 1_000
  return head?.state === 'ended' ? 'live' : worse(freshness(line.seen_ms, every, nowMs), cutMs)
}

/** @param {Moment} moment @returns {TileModel} */
function streamTile (moment) {
  const line = worstLine(topic(moment.board, 'lines').values())
  if (!line || line.seen_ms == null) return { ...empty('stream'), left: t('metric.no_line') }
  const key = `bitrate_kbps@line:${line.name}`
  const reading = topic(moment.board, 'readings').get(key)
  const ended = moment.head?.state === 'ended'
  const shown = lineShown(moment, line)
  const tile = {
    ...empty('stream'), label: t('metric.stream_of', { name: authored(line.title).text || line.name }), series: key, shown,
    limit: limitOf(moment.board, 'bitrate_kbps', 'line', (metric) => (metric === 'target_kbps' ? line.target_kbps : null))?.value ?? null,
    value: line.bitrate_kbps == null ? NONE : number(line.bitrate_kbps), unit: 'kbps', full: line.fps == null ? '' : t('metric.fps', { n: number(line.fps) }),
    age: ended ? '' : ageText(line.seen_ms, shown, moment.nowMs, moment.zone),
    tag: line.reconnecting ? t('metric.reconnecting') : '',
    left: shown === 'stale' ? t('state.stale_note') : t('metric.target', { value: number(line.target_kbps) })
  }
  const change = shown === 'stale' || reading?.value == null || reading.before == null ? null : delta(reading.value - reading.before, (size) => number(size))
  return marked({ ...tile, change, right: change ? t('metric.than_before') : '' }, standing(moment, (alert) => alert.scope === 'line'))
}
