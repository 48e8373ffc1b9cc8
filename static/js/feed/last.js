/**
 * What the tablet showed last, kept on the device so that a page that is opened without a network has it. It is of an
 * instant, and says of which: the clock is the one of the last frame. No DOM; storage is handed in.
 *
 * @import { Board } from './board.js'
 * @import { Clock } from './clock.js'
 * @typedef {{ getItem: (key: string) => string | null, setItem: (key: string, value: string) => void, removeItem: (key: string) => void }} Storage
 * @typedef {{ board: Board, clock: Clock }} Last
 */

import { EMPTY, topic } from './board.js'
import { UNSET } from './clock.js'

const TOPICS = /** @type {const} */ (['session', 'rundown', 'prompts'])
const MOST_PROMPTS = 50
const OLDEST_MS = 12 * 3_600_000 // another evening's card helps nobody

/** @param {string} device */
const nameOf = (device) => `cueroom.host.last.${device}`

/** @param {Storage} storage @param {string} device @param {Last} last  a board without a session keeps nothing */
export function keepLast (storage, device, { board, clock }) {
  try {
    if (!topic(board, 'session').has('head')) { storage.removeItem(nameOf(device)); return }
    const prompts = [...topic(board, 'prompts')].sort(([, a], [, b]) => a.n - b.n).slice(-MOST_PROMPTS)
    const topics = { session: [...topic(board, 'session')], rundown: [...topic(board, 'rundown')], prompts }
    storage.setItem(nameOf(device), JSON.stringify({ topics, clock: { ...clock, offsets: [] } }))
  } catch {
    // A full or forbidden storage: the page works, only not without a network.
  }
}

/** @param {Storage} storage @param {string} device */
export function forgetLast (storage, device) {
  try {
    storage.removeItem(nameOf(device))
  } catch { /* a forbidden storage kept nothing */ }
}

/**
 * @param {Storage} storage
 * @param {string} device
 * @param {number} local  the device's Date.now()
 * @returns {Last | null}  its board has epoch 0, so that the first snapshot replaces it whatever it held
 */
export function readLast (storage, device, local) {
  try {
    const { topics, clock } = JSON.parse(storage.getItem(nameOf(device)) ?? 'null') ?? {}
    if (!clock || typeof clock.at !== 'number' || local - clock.at > OLDEST_MS) return null
    const maps = Object.fromEntries(TOPICS.map((name) => [name, new Map(topics[name])]))
    return { board: { ...EMPTY, topics: maps }, clock: { ...UNSET, ...clock, offsets: [] } }
  } catch {
    return null // not ours, or of a build that kept it otherwise
  }
}
