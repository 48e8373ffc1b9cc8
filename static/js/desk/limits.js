/**
 * The lines that the rules in force draw, and where they lie now: a rule may measure by something that moves. Pure.
 *
 * @import { LimitRow } from '../../types/frames.js'
 * @import { Board } from '../feed/board.js'
 * @typedef {{ value: number, below: boolean, severity: string }} Limit
 */

import { topic } from '../feed/board.js'

/**
 * The first line that is crossed on the way to trouble, which is the mildest level's.
 *
 * @param {Board} board
 * @param {string} metric  with its window, as readings are named
 * @param {string} scope  session, sku or line
 * @param {(metric: string) => number | null | undefined} [measure]  of the same member, for a limit that is a share of it
 * @returns {Limit | null}
 */
export function limitOf (board, metric, scope, measure) {
  /** @type {Limit | null} */
  let found = null
  for (const row of topic(board, 'limits').values()) {
    if (row.metric !== metric || row.scope !== scope) continue
    const value = placed(row, measure)
    if (value !== null && (found === null || row.severity > found.severity)) found = { value, below: row.below ?? false, severity: row.severity }
  }
  return found
}

/**
 * @param {Board} board
 * @param {string} rule
 * @param {(metric: string) => number | null | undefined} measure
 * @returns {boolean} whether what a rule measures has come back inside all its lines that are known
 */
export function isBack (board, rule, measure) {
  let known = false
  for (const row of topic(board, 'limits').values()) {
    const value = row.rule === rule ? measure(row.metric) : null
    const limit = placed(row, measure)
    if (value == null || limit === null) continue
    known = true
    if (row.below ? value <= limit : value >= limit) return false // some rules count the line itself: on it nothing is over
  }
  return known
}

/** @param {LimitRow} row @param {((metric: string) => number | null | undefined) | undefined} measure @returns {number | null} */
function placed (row, measure) {
  if (!row.of) return row.value
  const by = measure?.(row.of)
  return by == null ? null : row.value * by
}
