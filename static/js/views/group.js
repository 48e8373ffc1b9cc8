/**
 * 群消息: every message as the group sees it, and what is known of its fate. "Accepted" is the platform's word, no more.
 *
 * @import { Delivery } from '../../types/frames.js'
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
