/**
 * How far a prompt got with each tablet: 送达, 已看, 已执行. Pure.
 *
 * @import { DeviceRow, Prompt, PromptReceipt } from '../../types/frames.js'
 * @typedef {{ shown: number | null, seen: number | null, done: number | null, waiting: number, word: string, device: string, name: string }} Receipt
 *   milliseconds since it was sent; `waiting`: since then without the next receipt
 * @typedef {{ key: string, word: string, device: string, at: number, prompt: Prompt }} Call  a host who needs something
 */

/** @param {Prompt} prompt @param {PromptReceipt} receipt @param {number} nowMs @returns {Receipt} */
export function receiptOf (prompt, receipt, nowMs) {
  const after = (/** @type {number | null | undefined} */ at) => (at == null ? null : Math.max(0, at - prompt.sent_ms))
  return {
    shown: after(receipt.shown_ms),
    seen: after(receipt.seen_ms),
    done: after(receipt.done_ms),
    waiting: Math.max(0, nowMs - prompt.sent_ms),
    word: receipt.word ?? '',
    device: receipt.device,
    name: receipt.device_name
  }
}

/** @param {Prompt} prompt @param {number} nowMs @returns {Receipt[]} one a tablet; an empty one when none has it yet */
export function receiptsOf (prompt, nowMs) {
  const receipts = (prompt.receipts ?? []).map((receipt) => receiptOf(prompt, receipt, nowMs))
  if (receipts.length > 0) return receipts
  return [{ shown: null, seen: null, done: null, waiting: Math.max(0, nowMs - prompt.sent_ms), word: '', device: '', name: '' }]
}

/** @param {Iterable<Prompt>} prompts @returns {Prompt | null} the newest card that was not taken back */
export function newest (prompts) {
  let last = null
  for (const prompt of prompts) {
    if (prompt.state !== 'withdrawn' && (!last || prompt.n > last.n)) last = prompt
  }
  return last
}

/** @param {Prompt} prompt @returns {boolean} whether no tablet has read it; the server leaves the first state out */
export function isUnanswered (prompt) {
  return (prompt.state ?? 'sent') === 'sent'
}

/** @param {Iterable<Prompt>} prompts @returns {Prompt[]} cards nobody has read in their time, oldest first */
export function unread (prompts) {
  return [...prompts].filter((prompt) => prompt.unread && isUnanswered(prompt)).sort((a, b) => a.n - b.n)
}

/** @param {readonly Prompt[]} prompts @returns {Call[]} every 需要帮助, 缺货, 重复一遍, at the instant of its receipt */
export function callsOf (prompts) {
  return prompts.filter((prompt) => prompt.state !== 'withdrawn').flatMap((prompt) => (prompt.receipts ?? []).flatMap((receipt) => !receipt.word ? [] : [{
    key: `${prompt.id} ${receipt.device} ${receipt.word}`, word: receipt.word, device: receipt.device_name, prompt,
    at: receipt.done_ms ?? receipt.seen_ms ?? receipt.shown_ms ?? prompt.sent_ms
  }]))
}

/**
 * The calls nobody has answered: no prompt went out after them.
 *
 * @param {readonly Prompt[]} prompts
 * @param {ReadonlyMap<string, number>} heard  when this page first saw a call, by its key: a word may follow its receipt
 * @returns {Call[]} oldest first
 */
export function openCalls (prompts, heard) {
  const answered = Math.max(0, ...prompts.map((prompt) => prompt.sent_ms))
  return callsOf(prompts).map((call) => ({ ...call, at: heard.get(call.key) ?? call.at })).filter((call) => call.at >= answered).sort((a, b) => a.at - b.at)
}

/** @param {readonly DeviceRow[]} devices  as `tablets` orders them @param {DeviceRow | null} kept  chosen before; it stays, also when it goes away @returns {DeviceRow | null} */
export function chosen (devices, kept) {
  if (kept === null) return devices[0] ?? null
  return devices.find((device) => device.id === kept.id) ?? { ...kept, connected: false }
}

/** @param {Iterable<DeviceRow>} devices @returns {DeviceRow[]} connected ones first, then real ones, then by name */
export function tablets (devices) {
  return [...devices].sort((a, b) => Number(b.connected) - Number(a.connected) || Number(a.simulated ?? false) - Number(b.simulated ?? false) || a.name.localeCompare(b.name))
}
