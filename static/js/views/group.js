/**
 * 群消息: every message as the group sees it, and what is known of its fate. "Accepted" is the platform's word, no more.
 *
 * @import { Delivery, Standing } from '../../types/frames.js'
 */

import { clock, took } from '../format.js'
import { t } from '../words.js'
import { attr, find, keyed, put, show } from './dom.js'

/** @param {Delivery} delivery @returns {string} its state in words */
export function delivered (delivery) {
  const state = delivery.state ?? 'waiting'
  if (state === 'accepted') return t('console.delivery.accepted', { took: took((delivery.settled_ms ?? delivery.planned_ms) - delivery.planned_ms) })
  if (state === 'unknown' && delivery.retried_ambiguous) return t('console.delivery.unknown_again')
  return t(`console.delivery.${state}`)
}

const FOR_GOOD_MS = 253402300799000

/** @param {Standing} standing @param {string} zone @returns {string} how a channel stands that sends nothing now */
export function stands (standing, zone) {
  const until = standing.until_ms ?? 0
  if (standing.state === 'stopped' && (until === 0 || until >= FOR_GOOD_MS)) return t('console.channel.closed')
  return t(`console.channel.${standing.state}`, { until: clock(until, zone) })
}

/** @param {HTMLElement} list @param {Iterable<Standing>} standings @param {string} zone */
export function fillChannels (list, standings, zone) {
  const stopped = [...standings].sort((a, b) => (a.channel < b.channel ? -1 : 1))
  show(list, stopped.length > 0)
  keyed(list, 'group-stand', stopped, (standing) => standing.channel, (row, standing) => {
    put(find(row, '.msg-channel'), standing.title ?? standing.channel)
    const state = find(row, '.msg-state')
    put(state, stands(standing, zone))
    attr(state, 'data-state', standing.state === 'stopped' ? 'failed' : standing.state)
    put(find(row, '.msg-answer'), standing.why ?? '')
    show(find(row, '.msg-answer'), (standing.why ?? '') !== '')
  })
}

/** @param {HTMLElement} list @param {Iterable<Delivery>} deliveries @param {string} zone */
export function fillGroup (list, deliveries, zone) {
  const newest = [...deliveries].sort((a, b) => b.planned_ms - a.planned_ms || (a.id < b.id ? -1 : 1))
  keyed(list, 'group-row', newest, (delivery) => delivery.id, (row, delivery) => {
    put(find(row, '.msg-channel'), delivery.channel_title)
    put(find(row, 'time'), clock(delivery.planned_ms, zone))
    const state = find(row, '.msg-state')
    put(state, delivered(delivery))
    attr(state, 'data-state', delivery.state ?? 'waiting')
    put(find(row, '.msg-text'), delivery.text)
    attr(find(row, '.msg-text'), 'lang', delivery.language)
    const answer = find(row, '.msg-answer')
    show(answer, (delivery.answer ?? '') !== '' && delivery.state !== 'accepted')
    put(answer, delivery.answer ?? '')
  })
}
