/**
 * 弹幕与口播: viewers' words and the host's, with what the lexicon found in them.
 *
 * @import { Message } from '../../types/frames.js'
 * @import { Row } from '../desk/messages.js'
 */

import { markRank } from '../desk/alerts.js'
import { clock } from '../format.js'
import { t } from '../words.js'
import { attr, find, keyed, put } from './dom.js'
import { fillMarked, reason } from './marked.js'

/** @type {WeakMap<HTMLElement, Message>} */
const filled = new WeakMap()

/** @param {HTMLElement} list @param {readonly Row[]} rows  newest first @param {string} zone */
export function fillMessages (list, rows, zone) {
  keyed(list, 'message-row', rows, (row) => row.key, (element, { message }) => {
    if (filled.get(element) === message) return // the same position of another session is another message
    filled.set(element, message)
    put(find(element, 'time'), clock(message.at_ms, zone))
    attr(element, 'data-from', message.kind === 'speech' ? 'host' : null)
    put(find(element, '.comment-who'), message.kind === 'speech' ? t('console.messages.host') : message.who)
    fillMarked(find(element, '.comment-text'), message.text, message.marks ?? [])
    put(find(element, '.comment-rule'), rule(message))
  })
}

/** @param {Message} message @returns {string} why it is marked, the loudest mark first; else what was left out before it */
function rule (message) {
  const loudness = (/** @type {number} */ rank) => (rank === 0 ? 9 : rank)
  const loudest = [...(message.marks ?? [])].sort((a, b) => loudness(markRank(a)) - loudness(markRank(b)))[0]
  if (loudest) return reason(loudest)
  return message.skipped ? t('console.messages.skipped', { n: message.skipped }) : ''
}
