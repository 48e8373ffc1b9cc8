/**
 * 弹幕与口播 while it runs and while it is held: a held list stands still and counts what came meanwhile. Pure.
 *
 * @import { Message } from '../../types/frames.js'
 * @typedef {{ key: string, message: Message }} Row
 * @typedef {{ held: readonly Row[] | null, upto: string }} Hold  `upto`: the newest key when it was held
 */

export const MOST = 100

/** @type {Hold} */
export const RUNNING = { held: null, upto: '' }

/** @param {ReadonlyMap<string, Message>} messages  keys are zero-padded positions @returns {Row[]} newest first */
export function rows (messages) {
  return [...messages].sort(([a], [b]) => (a < b ? 1 : -1)).slice(0, MOST).map(([key, message]) => ({ key, message }))
}

/** @param {ReadonlyMap<string, Message>} messages @returns {Hold} */
export function hold (messages) {
  const held = rows(messages)
  return { held, upto: held[0]?.key ?? '' }
}

/** @param {Hold} state @param {ReadonlyMap<string, Message>} messages @returns {{ rows: readonly Row[], waiting: number }} */
export function shown (state, messages) {
  if (!state.held) return { rows: rows(messages), waiting: 0 }
  let waiting = 0
  for (const [key, message] of messages) if (key > state.upto) waiting += 1 + (message.skipped ?? 0)
  return { rows: state.held, waiting }
}
