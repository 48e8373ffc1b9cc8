/**
 * Alerts in the order of their loudness, and what each one offers to do. Pure, like all of desk/: from what the page
 * believes to what its views are told; no DOM, no network.
 *
 * @import { Alert, Delivery, Mark, Prompt } from '../../types/frames.js'
 * @typedef {'new' | 'acked' | 'back' | 'past'} AlertState  back: ended before anyone acknowledged it (已恢复未确认);
 *   past: ended and acknowledged, kept on the page for a while
 * @typedef {{ text: string, mark: Mark | null }} Piece
 */

const STATE_RANK = { new: 0, acked: 1, back: 2, past: 3 }

/** @param {Alert} alert @returns {number} 1 (P1) to 4 */
export function rank (alert) {
  return Number(alert.severity.slice(1))
}

/** @param {Alert} alert @returns {AlertState} */
export function stateOf (alert) {
  const ended = alert.condition === 'ended'
  if (alert.acked_ms != null) return ended ? 'past' : 'acked'
  return ended ? 'back' : 'new'
}

/** @param {Alert} alert @returns {boolean} */
export function isListed (alert) {
  return alert.condition !== 'ended' || alert.acked_ms == null
}

/** @param {Iterable<Alert>} alerts @returns {Alert[]} worst first, then unacknowledged, then newest */
export function listed (alerts) {
  return [...alerts].filter(isListed).sort((a, b) =>
    rank(a) - rank(b) || STATE_RANK[stateOf(a)] - STATE_RANK[stateOf(b)] || b.opened_ms - a.opened_ms || (a.id < b.id ? -1 : 1))
}

export const PAST_MS = 300_000

/**
 * The alerts that ended and were acknowledged are no longer on the board; the page keeps each as one line for a while.
 *
 * @param {ReadonlyMap<string, Alert>} past
 * @param {ReadonlyMap<string, Alert>} before  the board's alerts
 * @param {ReadonlyMap<string, Alert>} after
 * @param {number} nowMs
 * @param {(id: string) => string} who  acknowledged it, as far as this page knows
 * @returns {ReadonlyMap<string, Alert>}
 */
export function departed (past, before, after, nowMs, who) {
  const kept = new Map([...past].filter(([id, alert]) => !after.has(id) && nowMs - (alert.ended_ms ?? 0) < PAST_MS))
  for (const [id, alert] of before) {
    if (after.has(id)) continue
    kept.set(id, { ...alert, condition: 'ended', ended_ms: alert.ended_ms ?? nowMs, acked_ms: alert.acked_ms ?? nowMs, acked_by: alert.acked_by || who(id) })
  }
  return kept
}

/** @param {Iterable<Alert>} alerts @returns {[number, number, number]} unacknowledged P1, P2, P3 */
export function counts (alerts) {
  /** @type {[number, number, number]} */
  const n = [0, 0, 0]
  for (const alert of alerts) {
    const p = rank(alert)
    if (p <= 3 && isListed(alert) && alert.acked_ms == null) n[p - 1]++
  }
  return n
}

/**
 * @param {Iterable<Alert>} alerts
 * @returns {Alert | null}  for the strip, of those nobody acknowledged: the oldest P1 that holds, the oldest P2 that
 *   holds, then the oldest P1 that recovered
 */
export function loudest (alerts) {
  const waiting = [...alerts].filter((alert) => isListed(alert) && alert.acked_ms == null && (rank(alert) === 1 || (rank(alert) === 2 && stateOf(alert) === 'new')))
  waiting.sort((a, b) => STATE_RANK[stateOf(a)] - STATE_RANK[stateOf(b)] || rank(a) - rank(b) || a.opened_ms - b.opened_ms)
  return waiting[0] ?? null
}

/** @param {Pick<Alert, 'opened_ms' | 'evidence'> & { level_ms?: number }} alert @returns {number} since when it has had this level: its newest measurements are those of the level */
export function levelSince (alert) {
  if (alert.level_ms !== undefined) return alert.level_ms // a row of the overview comes without its evidence
  const at = (alert.evidence ?? []).filter((evidence) => evidence.kind === 'reading').map((evidence) => evidence.at_ms)
  return Math.max(alert.opened_ms, ...at)
}

/** @param {Alert} alert @returns {readonly string[]} the room's or the session's metrics that it is about */
export function subjects (alert) {
  return alert.scope === 'session' || alert.scope === 'room' ? alert.metrics ?? [] : []
}

/** @param {Pick<Alert, 'condition' | 'opened_ms'> & Partial<Alert> & { level_ms?: number }} alert @param {number} nowMs @returns {number} how long it has had this level; how long it lasted in all, once ended */
export function ageOf (alert, nowMs) {
  if (alert.condition === 'ended') return (alert.ended_ms ?? alert.changed_ms ?? nowMs) - alert.opened_ms
  return nowMs - levelSince(alert)
}

/** @param {Alert} alert @returns {boolean} whether its draft corrects something the host said */
export function isSpoken (alert) {
  return (alert.evidence ?? []).some((evidence) => evidence.kind === 'speech')
}

/** @param {Alert} alert @returns {'correct' | 'tell' | null} what its draft for the host is */
export function proposal (alert) {
  if (!alert.host || Object.keys(alert.host).length === 0) return null
  return isSpoken(alert) ? 'correct' : 'tell'
}

/** @param {Iterable<Prompt>} prompts @param {string} alertId @returns {Prompt | null} the newest one sent for this alert */
export function promptFor (prompts, alertId) {
  let newest = null
  for (const prompt of prompts) {
    if (prompt.alert === alertId && prompt.state !== 'withdrawn' && (!newest || prompt.n > newest.n)) newest = prompt
  }
  return newest
}

/** @param {Iterable<Delivery>} deliveries @param {string} alertId @returns {Delivery[]} newest first, one a channel */
export function messagesOf (deliveries, alertId) {
  /** @type {Map<string, Delivery>} */
  const byChannel = new Map()
  for (const delivery of deliveries) {
    const known = byChannel.get(delivery.channel)
    if (delivery.alert === alertId && (!known || delivery.planned_ms > known.planned_ms)) byChannel.set(delivery.channel, delivery)
  }
  return [...byChannel.values()].sort((a, b) => b.planned_ms - a.planned_ms)
}

/**
 * Cut a text at its marks. Offsets count Unicode code points, as the matcher does; a mark inside another is left out.
 *
 * @param {string} text
 * @param {readonly Mark[]} marks
 * @returns {Piece[]}
 */
export function pieces (text, marks) {
  const points = [...text]
  /** @type {Piece[]} */
  const out = []
  let at = 0
  for (const mark of [...marks].sort((a, b) => a.start - b.start || b.end - a.end)) {
    if (mark.start < at || mark.end > points.length) continue
    if (mark.start > at) out.push({ text: points.slice(at, mark.start).join(''), mark: null })
    out.push({ text: points.slice(mark.start, mark.end).join(''), mark })
    at = mark.end
  }
  if (at < points.length) out.push({ text: points.slice(at).join(''), mark: null })
  return out
}

/** @param {Mark} mark @returns {0 | 1 | 2} 0: it does not count */
export function markRank (mark) {
  if (mark.exempt) return 0
  return mark.severity === 'block' ? 1 : 2
}
