/**
 * Rooms by how much they need a person, worded for their tiles. Pure.
 *
 * @import { Alert, Reading, RoomCard } from '../../types/frames.js'
 * @import { Shown } from './freshness.js'
 * @typedef {Pick<Alert, 'id' | 'severity' | 'condition' | 'title' | 'opened_ms' | 'version' | 'rule'> & Partial<Alert> & { level_ms?: number }} Worst
 * @typedef {{ text: string, shown: Shown, full: string }} Figure
 */

import { compact, money, number, percent } from '../format.js'
import { t } from '../words.js'
import { shownAs } from './freshness.js'

export const METRICS = /** @type {const} */ (['viewers', 'gmv', 'interaction_rate_5m', 'comments_60s'])
const HOLD_MS = 10_000
/** A tile has room for four digits beside three other figures; the whole number is on the hover. */
const COMPACT_FROM = 10_000

/** @param {RoomCard} card @returns {Worst | null} */
export function worstOf (card) {
  return /** @type {any} */ (card.worst ?? null)
}

/** @param {Worst} worst @returns {boolean} */
export function isAcked (worst) {
  return worst.acked_ms != null || (worst.acked_by ?? '') !== ''
}

/** @param {RoomCard} card @returns {boolean} whether anything is going on */
export function isOn (card) {
  return card.state === 'live' || card.state === 'paused'
}

/** @param {RoomCard} card @returns {boolean} whether it has a session of which nothing has been heard yet */
export function isUnheard (card) {
  return card.session != null && (card.state ?? 'none') === 'none'
}

/** @param {RoomCard} card @returns {number} 1 to 3 of the worst alert that still holds; 0 for none */
export function rankOf (card) {
  const worst = worstOf(card)
  if (!worst || worst.condition === 'ended') return 0
  const rank = Number(worst.severity.slice(1))
  return rank <= 3 ? rank : 0
}

/** @param {RoomCard} card @returns {[number, number, number]} how bad, then acknowledged or not, then since when */
function urgency (card) {
  const worst = worstOf(card)
  if (!isOn(card)) return [9, 1, 0]
  if (!worst) return [8, 1, 0]
  return [Number(worst.severity.slice(1)), isAcked(worst) ? 1 : 0, worst.opened_ms]
}

/** @param {readonly RoomCard[]} cards @returns {RoomCard[]} */
export function byUrgency (cards) {
  return cards.map((card, i) => ({ card, i, key: urgency(card) })).sort((a, b) =>
    a.key[0] - b.key[0] || a.key[1] - b.key[1] || a.key[2] - b.key[2] || a.i - b.i).map(({ card }) => card)
}

/**
 * An order by severity is kept for ten seconds, so that no tile leaves from under the pointer at once.
 *
 * @param {{ ids: readonly string[], at: number }} kept
 * @param {readonly RoomCard[]} cards
 * @param {number} now
 * @returns {{ ids: readonly string[], at: number }}
 */
export function heldOrder (kept, cards, now) {
  const ids = byUrgency(cards).map((card) => card.room)
  const same = ids.length === kept.ids.length && ids.every((id) => kept.ids.includes(id))
  return same && now - kept.at < HOLD_MS ? kept : { ids, at: now }
}

/** @param {RoomCard} card @param {string} metric @param {number} nowMs @returns {Figure} */
export function figure (card, metric, nowMs) {
  const reading = /** @type {Reading | undefined} */ (card.readings?.[metric])
  if (!isOn(card) && reading?.value == null) return { text: '—', shown: 'unknown', full: '' }
  const shown = card.state === 'ended' ? 'live' : shownAs(reading, nowMs)
  if (shown === 'few') return { text: t('state.few_short'), shown, full: t('state.few') }
  if (reading?.value == null) return { text: '—', shown, full: t('state.unknown') }
  return { shown, ...written(metric, reading.value, card.currency ?? 'CNY') }
}

/** @param {string} metric @param {number} value @param {string} currency @returns {{ text: string, full: string }} */
function written (metric, value, currency) {
  if (metric === 'interaction_rate_5m') return { text: `${percent(value)}%`, full: '' }
  if (metric === 'gmv') { const { value: text, unit, full } = money(value, currency); return { text: text + unit, full } }
  if (value < COMPACT_FROM) return { text: number(value), full: '' }
  const { value: text, unit, full } = compact(value)
  return { text: text + unit, full }
}

/** @param {RoomCard} card @param {number} nowMs @returns {number | null} when a live room's figures stopped, if they did */
export function stoppedAt (card, nowMs) {
  const reading = /** @type {Reading | undefined} */ (card.readings?.viewers)
  if (card.state !== 'live' || reading?.seen_ms == null) return null
  return shownAs(reading, nowMs) === 'stale' ? reading.seen_ms : null
}
