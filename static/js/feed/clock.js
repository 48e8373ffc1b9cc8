/**
 * The server's clock as this page knows it. Pure. Every countdown and age is computed from here, never from counted ticks:
 * a background tab's timers slow to one a second and later to one a minute.
 *
 * @typedef {{ offsets: readonly number[], offset: number, wall_ms: number, now_ms: number, rate: number, at: number }} Clock
 * @typedef {{ wall_ms: number, now_ms: number, rate: number }} Stamp  what every frame but `hello` carries
 */

const KEPT = 15
const JUMP_MS = 5_000 // the device's own clock was set: old samples say nothing any more

/** @type {Clock} */
export const UNSET = { offsets: [], offset: 0, wall_ms: 0, now_ms: 0, rate: 1, at: 0 }

/**
 * @param {Clock} clock
 * @param {Stamp} stamp
 * @param {number} local  the device's Date.now() when the frame arrived
 * @returns {Clock}  its offset is the median of the newest samples
 */
export function stamped (clock, stamp, local) {
  const sample = stamp.wall_ms - local
  const jumped = clock.offsets.length > 0 && Math.abs(sample - clock.offset) > JUMP_MS
  const offsets = jumped ? [sample] : [...clock.offsets, sample].slice(-KEPT)
  const sorted = [...offsets].sort((a, b) => a - b)
  return { ...stamp, offsets, offset: sorted[sorted.length >> 1], at: local }
}

/** @param {Clock} clock @param {number} local @returns {number} wall time of the server */
export function wallNow (clock, local) {
  return local + clock.offset
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
