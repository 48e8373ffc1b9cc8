/**
 * The server's clock as this page knows it. Pure. Every countdown and age is computed from here, never from counted ticks:
 * a background tab's timers slow to one a second and later to one a minute.
 *
 * @typedef {{ offsets: readonly number[], offset: number, wall_ms: number, now_ms: number, rate: number, at: number }} Clock
 * @typedef {{ wall_ms: number, now_ms: number, rate: number }} Stamp  what every frame but `hello` carries
 */

const KEPT = 15
const JUMP_MS = 5_000 // the device's own clock was set: old samples say nothing any more
const OLD_MS = 2_000

/** @type {Clock} */
export const UNSET = { offsets: [], offset: 0, wall_ms: 0, now_ms: 0, rate: 1, at: 0 }

/**
 * @param {Clock} clock
 * @param {number} wall  the server's wall time, as it was written the moment before it was sent
 * @param {number} local  the device's Date.now() when it arrived
 * @returns {Clock}  its offset is the median of the newest samples
 */
export function greeted (clock, wall, local) {
  const sample = wall - local
  const jumped = clock.offsets.length > 0 && Math.abs(sample - clock.offset) > JUMP_MS
  const offsets = jumped ? [sample] : [...clock.offsets, sample].slice(-KEPT)
  const sorted = [...offsets].sort((a, b) => a - b)
  return { ...clock, offsets, offset: sorted[sorted.length >> 1], at: local }
}

/**
 * A delta or snapshot may have been kept for a while: what is replayed after a cut tells the session's time at its own
 * instant, and nothing about the clocks.
 *
 * @param {Clock} clock
 * @param {Stamp} stamp
 * @param {number} local
 * @param {boolean} kept  whether a frame of this kind may have been kept
 * @returns {Clock}
 */
export function stamped (clock, stamp, local, kept) {
  const { wall_ms, now_ms, rate } = stamp
  const old = kept && clock.offsets.length > 0 && isOld(clock, wall_ms, local)
  return { ...(old ? { ...clock, at: local } : greeted(clock, wall_ms, local)), wall_ms, now_ms, rate }
}

/** @param {Clock} clock @param {number} wall @param {number} local @returns {boolean} whether that was sent long before it came */
export function isOld (clock, wall, local) {
  return wall - local < clock.offset - OLD_MS
}

/** @param {Clock} clock @param {number} local @returns {number} wall time of the server */
export function wallNow (clock, local) {
  return local + clock.offset
}

/**
 * @param {Clock} before
 * @param {Clock} after  with the next frame
 * @returns {boolean}  whether the session's time went on where it had not run, or began to run: what lies between was
 *   never on this page
 */
export function jumped (before, after) {
  if (before.wall_ms === 0) return false
  if (before.rate === 0 && after.rate > 0) return true
  return Math.abs(after.now_ms - before.now_ms - before.rate * (after.wall_ms - before.wall_ms)) > JUMP_MS
}

/**
 * Session time runs at `rate` from the newest frame's instant; a session whose clock stands has rate 0.
 *
 * @param {Clock} clock
 * @param {number} local
 * @returns {number}
 */
export function sessionNow (clock, local) {
  const since = Math.max(0, wallNow(clock, local) - clock.wall_ms)
  return clock.now_ms + clock.rate * since
}
