/**
 * The alerts of a room: what, why, what to do, and what became of it.
 *
 * @import { Alert, Delivery, Evidence, Prompt } from '../../types/frames.js'
 * @import { Live } from '../desk/live.js'
 * @typedef {{ live: (alert: Alert) => Live | null, prompts: Iterable<Prompt>, deliveries: Iterable<Delivery>, nowMs: number, zone: string, busy: (id: string) => boolean }} AlertsContext
 */

import { ageOf, levelSince, messagesOf, promptFor, proposal, rank, stateOf } from '../desk/alerts.js'
import { clock, duration } from '../format.js'
import { authored, t } from '../words.js'
import { delivered } from './group.js'
import { attr, find, keyed, put, putAuthored, show } from './dom.js'
import { category, fillMarked } from './marked.js'
import { receiptWords } from './host.js'

const FRESH_MS = 5_000

/** @param {HTMLElement} list @param {readonly Alert[]} alerts  in order @param {AlertsContext} context */
export function fillAlerts (list, alerts, context) {
  const prompts = [...context.prompts]
  const deliveries = [...context.deliveries]
  keyed(list, 'alert-row', alerts, (alert) => alert.id, (row, alert) => {
    const state = stateOf(alert)
    attr(row, 'data-p', rank(alert))
    attr(row, 'title', state === 'past' ? authored(alert.title).text : null)
    attr(row, 'data-state', state)
    const pri = find(row, '.pri')
    attr(pri, 'data-p', rank(alert))
    attr(pri, 'aria-label', alert.severity)
    putAuthored(find(row, '.alert-text'), authored(alert.title))
    fillCount(row, alert)
    fillState(row, alert, state)
    put(find(row, '.alert-age'), duration(ageOf(alert, context.nowMs)))
    fillNow(row, alert, context)
    fillWhy(find(row, '.alert-why'), alert)
    fillAction(find(row, '.alert-do'), alert, state, promptFor(prompts, alert.id) === null)
    fillButtons(row, alert, state, promptFor(prompts, alert.id), context)
    const sent = messagesOf(deliveries, alert.id)
    put(find(row, '.alert-note'), note(alert, state, promptFor(prompts, alert.id), sent, context.zone))
    attr(find(row, '.alert-note'), 'data-bad', sent.some((delivery) => delivery.state === 'failed' || delivery.state === 'unknown') ? '' : null)
  })
}

/** @param {HTMLElement} row @param {Alert} alert @param {AlertsContext} context  the sentence is of when it fired; beside it how it stands */
function fillNow (row, alert, { nowMs, live }) {
  const measured = (alert.evidence ?? []).some((evidence) => evidence.kind === 'reading')
  show(find(row, '.alert-was'), measured && alert.condition !== 'ended' && nowMs - levelSince(alert) > FRESH_MS)
  const now = find(row, '.alert-now')
  const value = live(alert)
  show(now, value !== null)
  put(now, value ? t(value.back ? 'console.alert.clearing' : 'console.alert.now', { value: value.text }) : '')
}

/** @param {HTMLElement} row @param {Alert} alert */
function fillCount (row, alert) {
  const n = alert.count ?? 1
  const element = find(row, '.alert-n')
  show(element, n > 1)
  put(element, t('console.alert.count', { n }))
  attr(element, 'aria-label', t('console.alert.count_said', { n }))
}

/** @param {HTMLElement} row @param {Alert} alert @param {string} state */
function fillState (row, alert, state) {
  const element = find(row, '.alert-state')
  const words = state === 'past' ? pastWords(alert) : state === 'back' ? t('console.alert.back') : alert.condition === 'unknown' ? t('console.alert.no_data') : alert.flapping ? t('console.alert.flapping') : ''
  show(element, words !== '')
  put(element, words)
}

/** @param {Alert} alert @returns {string} 已结束 · 持续 02:10 · 周敏 确认 */
function pastWords (alert) {
  const lasted = duration(ageOf(alert, 0))
  return alert.acked_by ? t('console.alert.past_by', { age: lasted, who: alert.acked_by }) : t('console.alert.past', { age: lasted })
}

/** @param {Alert} alert @returns {Evidence | null} the newest sentence that broke the rule; what was said around it is context */
function sentence (alert) {
  const spoken = [...(alert.evidence ?? [])].filter((evidence) => evidence.kind === 'speech').reverse()
  return spoken.find((evidence) => (evidence.marks ?? []).some((mark) => !mark.exempt)) ?? spoken[0] ?? null
}

/** @param {HTMLElement} element @param {Alert} alert  the sentence with its marks, the category and the citation */
function fillWhy (element, alert) {
  const said = sentence(alert)
  show(element, said !== null)
  if (!said) return
  if (element.children.length === 0) element.append(document.createElement('span'), document.createElement('span'))
  fillMarked(element.children[0], `「${said.text ?? ''}」`, shifted(said))
  const counting = (said.marks ?? []).filter((mark) => !mark.exempt)
  const action = authored(alert.action).text // says the law already where the rule's words do
  const laws = counting.filter((mark) => !(mark.law && action.includes(mark.law))).map((mark) => mark.citation ?? '')
  const reasons = [...new Set(counting.map(category)), ...new Set(laws.filter((law) => law !== '' && !action.includes(law)))]
  if (said.start_ms != null) reasons.push(t('console.alert.at_code', { at: duration(said.start_ms) }))
  put(element.children[1], ` ${reasons.join(' · ')}`)
}

/** @param {Evidence} said @returns {import('../../types/frames.js').Mark[]} marks moved by the bracket before the text */
function shifted (said) {
  return (said.marks ?? []).map((mark) => ({ ...mark, start: mark.start + 1, end: mark.end + 1 }))
}

/** @param {HTMLElement} element @param {Alert} alert @param {string} state @param {boolean} unsent  its draft is still to be sent */
function fillAction (element, alert, state, unsent) {
  const action = authored(alert.action)
  const host = proposal(alert) && unsent ? authored(alert.host) : { text: '', lang: '' }
  show(element, state !== 'back' && action.text + host.text !== '')
  const draft = host.text ? t('console.alert.draft', { text: host.text }) : ''
  putAuthored(find(element, 'span'), { text: [action.text, draft].filter(Boolean).join(' · '), lang: action.lang })
}

/** @param {HTMLElement} row @param {Alert} alert @param {string} state @param {Prompt | null} sent @param {AlertsContext} context */
function fillButtons (row, alert, state, sent, context) {
  const fix = /** @type {HTMLButtonElement} */ (find(row, '.alert-fix'))
  const draft = proposal(alert)
  const past = state === 'back' && draft === 'tell'
  show(fix, draft !== null && !past)
  put(fix, sent ? t(draft === 'correct' ? 'console.alert.corrected' : 'console.alert.sent') : t(draft === 'correct' ? 'console.alert.correct' : 'console.alert.tell'))
  fix.classList.toggle('btn-primary', draft === 'correct' && !sent && state !== 'acked')
  attr(fix, 'data-sent', sent ? '' : null)
  show(find(row, '.alert-ack'), state !== 'acked')
  show(find(row, '.alert-unack'), state === 'acked')
  attr(row, 'data-busy', context.busy(alert.id) ? '' : null)
}

/** @param {Alert} alert @param {string} state @param {Prompt | null} sent @param {readonly Delivery[]} deliveries @param {string} zone @returns {string} what became of it so far */
function note (alert, state, sent, deliveries, zone) {
  if (state === 'back') return ''
  const notes = deliveries.map((delivery) => t('console.delivery.on_row', { channel: delivery.channel_title, state: delivered(delivery) }))
  if (sent) notes.push(receiptWords(sent))
  if (state === 'acked') notes.push(t('console.alert.acked', { who: alert.acked_by ?? '', at: clock(alert.acked_ms ?? 0, zone) }))
  else if (alert.muted) notes.push(t('console.alert.muted', { why: alert.muted }))
  return notes.filter(Boolean).join(' · ')
}

