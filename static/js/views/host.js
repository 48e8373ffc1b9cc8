/**
 * What the host sees, and how far the newest prompt got with each tablet.
 *
 * @import { DeviceRow, Prompt, QuickPrompt } from '../../types/frames.js'
 * @import { Cards } from '../feed/cards.js'
 * @import { Call, Receipt } from '../desk/receipts.js'
 */

import { receiptsOf } from '../desk/receipts.js'
import { age, clock, duration, took } from '../format.js'
import { authored, t } from '../words.js'
import { attr, find, keyed, put, putAuthored, show } from './dom.js'

const LONG = 44 // half-width characters: what two lines of the mirror hold

/** @param {string} text @returns {number} Hanzi are two wide */
function width (text) {
  return [...text].reduce((sum, character) => sum + (character > '\u2e7f' ? 2 : 1), 0)
}

/** @param {HTMLElement} mirror @param {Cards} cards @param {{ left: string, next: { text: string, lang: string } }} cue */
export function fillMirror (mirror, cards, cue) {
  const card = cards.urgent ?? cards.current
  attr(mirror, 'data-urgent', cards.urgent ? '' : null)
  attr(mirror, 'data-empty', card ? null : '')
  attr(mirror, 'data-read', card?.read ? '' : null)
  put(find(mirror, '#mirror-left'), cue.left)
  put(find(mirror, '#mirror-wait'), cards.waiting > 0 ? t('console.host.waiting', { n: cards.waiting }) : '')
  const said = card ? authored(card.prompt.text) : { text: t('console.host.empty'), lang: '' }
  putAuthored(find(mirror, '#mirror-cue'), said)
  attr(mirror, 'data-long', width(said.text) > LONG ? '' : null)
  const under = cards.urgent && cards.current ? authored(cards.current.prompt.text) : cue.next
  putAuthored(find(mirror, '#mirror-next'), { text: under.text ? t('console.host.next', { text: under.text }) : '', lang: under.lang })
}

/** @param {HTMLElement} chip @param {DeviceRow | null} device @param {number} nowMs wall time */
export function fillDevice (chip, device, nowMs) {
  attr(chip, 'data-state', device?.connected ? 'on' : 'off')
  show(chip, device !== null)
  if (!device) return
  put(find(chip, 'span:last-child'), device.connected ? t(device.simulated ? 'console.host.simulated' : 'console.host.online') : t('console.host.offline', { age: age(nowMs - device.seen_ms) }))
}

/** @param {HTMLElement} list @param {Prompt | null} prompt @param {number} nowMs session time */
export function fillReceipts (list, prompt, nowMs) {
  const receipts = prompt ? receiptsOf(prompt, nowMs) : []
  const rows = receipts.length > 1 ? receipts.map(perTablet) : receipts.flatMap(perStage)
  keyed(list, 'receipt-row', rows, (row) => row.key, (element, row) => {
    attr(element.children[0], 'data-on', row.on ? '' : null)
    attr(element.children[1], 'data-on', row.on ? '' : null)
    put(element.children[1], row.what)
    put(element.children[2], row.when)
  })
}

/** @typedef {{ key: string, on: boolean, what: string, when: string }} ReceiptRow */

/** @param {Receipt} receipt @returns {ReceiptRow[]} 送达 0.3s · 已看 2.1s · 已执行 等 00:19 */
function perStage (receipt) {
  /** @type {[string, number | null][]} */
  const stages = [['shown', receipt.shown], ['seen', receipt.seen], ['done', receipt.done]]
  const next = stages.find(([, at]) => at === null)?.[0]
  return stages.map(([stage, at]) => ({
    key: stage, on: at !== null,
    what: stage === 'seen' && receipt.word ? t(`console.receipt.word.${receipt.word}`) : t(`console.receipt.${stage}`),
    when: at !== null ? took(at) : stage === next ? waits(receipt) : ''
  }))
}

/** @param {Receipt} receipt @returns {ReceiptRow} with several tablets: one line each, its furthest stage */
function perTablet (receipt) {
  const at = receipt.done ?? receipt.seen ?? receipt.shown
  return { key: receipt.device, on: at !== null, what: [receipt.name, stageWords(receipt)].filter(Boolean).join(' · '), when: at === null ? waits(receipt) : took(at) }
}

/** @param {Receipt} receipt @returns {string} 等 00:19 */
const waits = (receipt) => t('console.receipt.wait', { age: duration(receipt.waiting) })

/** @param {Receipt} receipt @returns {string} */
function stageWords (receipt) {
  if (receipt.word) return t(`console.receipt.word.${receipt.word}`)
  if (receipt.done !== null) return t('console.receipt.done')
  return receipt.seen !== null ? t('console.receipt.seen') : receipt.shown !== null ? t('console.receipt.shown') : ''
}

/** @param {Prompt} prompt @returns {string} 已看 2.1s: how far it got with whichever tablet is furthest */
export function receiptWords (prompt) {
  const receipts = receiptsOf(prompt, prompt.sent_ms).sort((a, b) => Number(b.done !== null) - Number(a.done !== null) || Number(b.seen !== null) - Number(a.seen !== null))
  const furthest = receipts[0]
  const at = furthest.done ?? furthest.seen ?? furthest.shown
  return at === null ? '' : `${stageWords(furthest)} ${took(at)}`
}

/** @param {HTMLElement} element @param {Prompt | null} prompt @param {string} zone */
export function fillPromptSent (element, prompt, zone) {
  if (!prompt) { put(element, t('console.receipt.none')); attr(element, 'title', null); return }
  const devices = (prompt.receipts ?? []).map((receipt) => receipt.device_name)
  const at = clock(prompt.sent_ms, zone)
  const words = devices.length === 1 ? t('console.receipt.sent_to', { at, device: devices[0] }) : t('console.receipt.sent', { at })
  put(element, words)
  attr(element, 'title', words)
}

/** @param {HTMLElement} element @param {Prompt | null} prompt  whose receipts stand below */
export function fillReceiptsOf (element, prompt) {
  show(element, prompt !== null)
  if (!prompt) return
  const { text, lang } = authored(prompt.text)
  putAuthored(element, { text: t('console.receipt.of', { text }), lang })
  attr(element, 'title', text)
}

/** @param {HTMLElement} element @param {readonly Call[]} calls @param {string} zone */
export function fillCalls (element, calls, zone) {
  const last = calls[calls.length - 1]
  show(element, last !== undefined)
  if (!last) return
  const text = authored(last.prompt.text).text
  const words = { word: t(`console.receipt.word.${last.word}`), device: last.device, at: clock(last.at, zone), text }
  put(find(element, '.call-text'), t('console.call', words) + (calls.length > 1 ? t('console.call.more', { n: calls.length - 1 }) : ''))
  attr(element, 'title', text)
}

/** @param {HTMLElement} element @param {Prompt | undefined} prompt  unread for too long @param {number} nowMs */
export function fillUnread (element, prompt, nowMs) {
  show(element, prompt !== undefined)
  if (!prompt) return
  const words = t('console.unread', { text: authored(prompt.text).text })
  put(find(element, '.unread-text'), words)
  put(find(element, '.unread-age'), age(nowMs - prompt.sent_ms))
  attr(element, 'title', words)
}

/** @param {HTMLElement} group @param {readonly [string, QuickPrompt][]} quick */
export function fillQuick (group, quick) {
  keyed(group, 'quick-row', quick.slice(0, 9).map(([key, prompt], i) => ({ key, prompt, n: i + 1 })), (row) => row.key, (button, { prompt, n }) => {
    put(button.children[0], String(n))
    putAuthored(button.children[1], authored(prompt.label))
    attr(button, 'title', authored(prompt.text).text)
    attr(button, 'data-level', prompt.level ?? 'normal')
    attr(button, 'data-n', n)
  })
}

/** @param {HTMLSelectElement} select @param {HTMLElement} name @param {readonly DeviceRow[]} devices @param {string} chosen */
export function fillDevices (select, name, devices, chosen) {
  show(select, devices.length > 1)
  show(name, devices.length < 2)
  put(name, devices[0]?.name ?? t('console.host.no_tablet'))
  keyed(select, 'option-row', devices, (device) => device.id, (option, device) => {
    put(option, device.name)
    attr(option, 'value', device.id)
  })
  if (select.value !== chosen) select.value = chosen
}
