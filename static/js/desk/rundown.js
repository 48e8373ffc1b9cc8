/**
 * Where the show is: what is left of the segment, and how far the whole lags. Pure.
 *
 * @import { Rundown, Segment } from '../../types/frames.js'
 * @typedef {{ now: Segment | null, next: Segment | null, left: number, done: number, over: boolean }} Cue
 *   `left`: milliseconds, negative once over; `done`: share of the segment, 0 to 1
 */

/** @param {Rundown | undefined} rundown @param {number} nowMs session time @returns {Cue} */
export function cue (rundown, nowMs) {
  const now = rundown?.segments.find((segment) => segment.state === 'now') ?? null
  const next = rundown?.segments.find((segment) => segment.state === 'next') ?? null
  if (!now || now.started_ms == null) return { now, next, left: now?.planned_length_ms ?? 0, done: 0, over: false }
  const spent = nowMs - now.started_ms
  const left = now.planned_length_ms - spent
  return { now, next, left, done: Math.min(1, Math.max(0, spent / Math.max(1, now.planned_length_ms))), over: left < 0 }
}

/** @param {Segment} segment @param {Rundown} rundown @returns {number | null} when it began, or will by now's shift */
export function startOf (segment, rundown) {
  if (segment.started_ms != null) return segment.started_ms
  return segment.planned_start_ms == null ? null : segment.planned_start_ms + (rundown.shift_ms ?? 0)
}

/** @param {Rundown | undefined} rundown @returns {number | null} when the segment on now is planned to end */
export function endOfNow (rundown) {
  const now = rundown?.segments.find((segment) => segment.state === 'now')
  return now && now.started_ms != null ? now.started_ms + now.planned_length_ms : null
}
