/**
 * What to do when the connection is lost, and what to call it meanwhile. Pure.
 *
 * @typedef {'connecting' | 'live' | 'late' | 'reconnecting' | 'offline'} LinkState
 * @typedef {{ open: boolean, attempt: number, lostAt: number | null, frameAt: number | null, retryAt: number | null }} Link
 */

const FIRST_MS = 500
const MOST_MS = 15_000
const RESTART_MS = 3_000
export const CLOSE_RESTART = 1012
export const CLOSE_SIGNED_OUT = 4401
export const CLOSE_FORBIDDEN = 4403
export const CLOSE_NOT_FOUND = 4404
const LIVE_MS = 2_500 // beats come every second; 实时 promises two, the half is the network's
const OFFLINE_MS = 30_000

/** @type {Link} */
export const IDLE = { open: false, attempt: 0, lostAt: null, frameAt: null, retryAt: null }

/**
 * @param {number} attempt  0 for the first try after a loss
 * @param {number} code  the close code
 * @param {number} chance  0 ≤ chance < 1
 * @returns {number}  milliseconds to wait: full jitter, doubling; after a restart at once, but spread
 */
export function delayMs (attempt, code, chance) {
  if (code === CLOSE_RESTART && attempt === 0) return chance * RESTART_MS
  return chance * Math.min(MOST_MS, FIRST_MS * 2 ** attempt)
}

/** @param {number} code @returns {boolean} whether trying again can help */
export function mayRetry (code) {
  return code !== CLOSE_SIGNED_OUT && code !== CLOSE_FORBIDDEN && code !== CLOSE_NOT_FOUND
}

/** @param {Link} link @param {number} local @returns {LinkState} */
export function linkState (link, local) {
  if (link.open) {
    if (link.frameAt === null) return link.lostAt === null ? 'connecting' : 'reconnecting'
    return local - link.frameAt <= LIVE_MS ? 'live' : 'late'
  }
  if (link.lostAt === null) return 'connecting'
  return local - link.lostAt >= OFFLINE_MS ? 'offline' : 'reconnecting'
}

/** @param {LinkState} state @returns {boolean} whether commands can reach the server */
export function canSend (state) {
  return state === 'live' || state === 'late'
}
