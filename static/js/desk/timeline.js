/**
 * What happened in a session, by time: the rundown's segments, alerts from their opening to their end, prompts from
 * sending to done. The marks of the lane above the charts, and of its table. Pure.
 *
 * @import { Alert, Prompt, Rundown } from '../../types/frames.js'
 * @typedef {{ kind: 'alert' | 'prompt', id: string }} Chosen
 * @typedef {{ key: string, chosen: Chosen, at: number, to: number | null, rank: number, look: string, text: string, state: string, also: string }} Mark
 *   `to`: its end, null while it lasts; `rank`: 1 to 4 of an alert, 0 of a prompt; `look`: what its sign is made of; `also`: how it went on
 * @typedef {{ key: string, text: string, from: number, to: number | null, draw: boolean, now: boolean }} Stretch
 */

import { clock, duration } from '../format.js'
import { authored, t } from '../words.js'
import { rank, stateOf } from './alerts.js'

/** @param {Rundown | undefined} rundown @returns {Stretch[]} segments that have begun; `draw`: a 福袋 */
export function stretches (rundown) {
  return (rundown?.segments ?? []).filter((segment) => segment.started_ms != null).map((segment) => ({
    key: segment.id, text: authored(segment.title).text, from: segment.started_ms ?? 0, to: segment.ended_ms ?? null,
    draw: segment.kind === 'draw', now: segment.state === 'now'
  }))
}

/**
 * @param {Iterable<Alert>} alerts
 * @param {string} zone
 * @returns {Mark[]} oldest first
 */
export function alertMarks (alerts, zone) {
  return [...alerts].filter((alert) => rank(alert) <= 3).map((alert) => ({
    key: `alert ${alert.id}`, chosen: /** @type {Chosen} */ ({ kind: 'alert', id: alert.id }), at: alert.opened_ms,
    to: alert.condition === 'ended' ? alert.ended_ms ?? alert.changed_ms : null, rank: rank(alert), look: 'alert',
    text: authored(alert.title).text, state: stateWords(alert), also: alertStory(alert, zone)
  })).sort((a, b) => a.at - b.at || (a.key < b.key ? -1 : 1))
}

/** @param {Alert} alert @returns {string} */
function stateWords (alert) {
  return t(`console.mark.state.${stateOf(alert)}`)
}

/** @param {Alert} alert @param {string} zone @returns {string} 20:19:02–20:22:36 · 持续 03:34 · 周敏 确认 */
function alertStory (alert, zone) {
  const ended = alert.condition === 'ended' ? alert.ended_ms ?? alert.changed_ms : null
  const parts = [ended === null ? t('console.mark.since', { at: clock(alert.opened_ms, zone) }) : `${clock(alert.opened_ms, zone)}–${clock(ended, zone)}`]
  if (ended !== null) parts.push(t('console.mark.lasted', { age: duration(ended - alert.opened_ms) }))
  if (alert.acked_by) parts.push(t('console.mark.acked', { who: alert.acked_by }))
  return parts.join(' · ')
}

/**
 * @param {Iterable<Prompt>} prompts
 * @param {(id: string) => boolean} corrects  whether an alert's draft corrects what the host said
 * @param {string} zone
 * @returns {Mark[]} oldest first
 */
export function promptMarks (prompts, corrects, zone) {
  return [...prompts].filter((prompt) => prompt.state !== 'withdrawn').map((prompt) => {
    const done = earliest(prompt, 'done_ms')
    const seen = earliest(prompt, 'seen_ms') ?? done
    const correction = prompt.level === 'urgent' && Boolean(prompt.alert) && corrects(prompt.alert ?? '')
    return {
      key: `prompt ${prompt.id}`, chosen: /** @type {Chosen} */ ({ kind: 'prompt', id: prompt.id }), at: prompt.sent_ms,
      to: done ?? seen ?? prompt.sent_ms, rank: 0,
      look: `${correction ? 'correction' : 'prompt'} ${done !== null ? 'done' : seen !== null ? 'seen' : 'sent'}`,
      text: authored(prompt.text).text,
      state: t(correction ? 'console.mark.correction' : 'console.mark.prompt'),
      also: [t('console.mark.sent', { at: clock(prompt.sent_ms, zone) }), seen === null ? t('console.mark.unseen') : t('console.mark.seen', { at: clock(seen, zone) }), done === null ? '' : t('console.mark.done', { at: clock(done, zone) })].filter(Boolean).join(' · ')
    }
  }).sort((a, b) => a.at - b.at || (a.key < b.key ? -1 : 1))
}

/** @param {Prompt} prompt @param {'seen_ms' | 'done_ms'} stage @returns {number | null} when the first tablet got that far */
function earliest (prompt, stage) {
  const at = (prompt.receipts ?? []).map((receipt) => receipt[stage]).filter((one) => one != null)
  return at.length > 0 ? Math.min(.../** @type {number[]} */ (at)) : null
}

/**
 * Marks that would lie on each other become one.
 *
 * @param {readonly Mark[]} marks  oldest first
 * @param {number} apart  milliseconds that one sign takes
 * @returns {Mark[][]}
 */
export function clustered (marks, apart) {
  /** @type {Mark[][]} */
  const out = []
  for (const mark of marks) {
    const last = out[out.length - 1]
    if (last && mark.at - last[0].at < apart) last.push(mark)
    else out.push([mark])
  }
  return out
}
