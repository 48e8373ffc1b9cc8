/**
 * How old is too old, and what a number may be shown as. Pure.
 *
 * @import { Reading } from '../../types/frames.js'
 * @typedef {'live' | 'late' | 'stale'} Freshness
 * @typedef {'live' | 'late' | 'stale' | 'few' | 'unknown' | 'estimated'} Shown
 */

const LATE_MS = 5_000
const STALE_MS = 15_000

/**
 * @param {number | null | undefined} seenMs  the newest data behind the number
 * @param {number} everyMs  its expected interval
 * @param {number} nowMs  session time
 * @returns {Freshness}
 */
export function freshness (seenMs, everyMs, nowMs) {
  if (seenMs == null) return 'stale'
  const age = nowMs - seenMs
  if (age > Math.max(STALE_MS, 4 * everyMs)) return 'stale'
  return age > Math.max(LATE_MS, 2 * everyMs) ? 'late' : 'live'
}

/**
 * While the page is cut off, nothing on it is fresher than the link.
 *
 * @template {Shown} T
 * @param {T} shown
 * @param {number} cutMs  since the last frame; 0 while there is a link
 * @returns {T | Freshness}
 */
export function worse (shown, cutMs) {
  if (shown !== 'live' && shown !== 'late' && shown !== 'estimated') return shown
  if (cutMs > STALE_MS) return 'stale'
  return cutMs > 0 ? 'late' : shown
}

/**
 * @param {Reading | undefined} reading
 * @param {number} nowMs
 * @returns {Shown}  `unknown` and `few` show no number; `stale` shows the last one, hatched
 */
export function shownAs (reading, nowMs) {
  if (!reading) return 'unknown'
  if (reading.state === 'few') return 'few'
  const age = freshness(reading.seen_ms, reading.every_ms ?? 0, nowMs)
  if (reading.state === 'unknown') return reading.seen_ms == null ? 'unknown' : 'stale'
  if (age !== 'live') return age
  return reading.state === 'estimated' ? 'estimated' : 'live'
}
