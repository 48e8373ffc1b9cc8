/**
 * What the host answered and the server has not confirmed yet: kept on the device, sent in order, with the time at which
 * it happened. No DOM; storage, clock and sending are handed in.
 *
 * @import { Prompt } from '../../types/frames.js'
 * @import { Answer } from './cards.js'
 * @typedef {Answer & { session: string, sent: boolean }} Kept  `sent`: taken by the server, not yet seen on the board
 * @typedef {Pick<globalThis.Storage, 'getItem' | 'setItem' | 'removeItem'>} Drawer
 * @typedef {(kept: Kept, key: string) => Promise<{ ok: boolean, code: string }>} Send
 */

import { unconfirmed } from './cards.js'

const MOST = 200
const OVERDUE_MS = 3_000
/** Codes after which the same answer may come again. */
const AWAY = new Set(['unreachable', 'pending', 'unavailable', 'not_taken', 'http_429', 'http_500', 'http_502', 'http_503', 'http_504'])

/** @param {string} code @returns {boolean} whether the answer only has to wait */
export const waits = (code) => AWAY.has(code)

export class Answers {
  /** @type {Kept[]} */ #kept
  /** @type {Promise<void> | null} */ #sending = null
  #device
  #storage
  #send

  /** @param {string} device @param {Drawer} storage @param {Send} send */
  constructor (device, storage, send) {
    this.#device = device
    this.#storage = storage
    this.#send = send
    this.#kept = read(storage.getItem(this.#name))
  }

  get #name () { return `cueroom.answers.${this.#device}` }

  /** @param {string} session @returns {readonly Kept[]} this session's, oldest first */
  of (session) { return this.#kept.filter((kept) => kept.session === session) }

  /** How many the server does not have yet. */
  get waiting () { return this.#kept.filter((kept) => !kept.sent && kept.stage !== 'shown').length }

  /** @param {number} nowMs session time @returns {boolean} whether one has been waiting so long that the host should know */
  overdue (nowMs) { return this.#kept.some((kept) => !kept.sent && kept.stage !== 'shown' && nowMs - kept.at_ms > OVERDUE_MS) }

  /**
   * Words may come back: 需要帮助, 重复一遍, 需要帮助 are three answers, and only the newest word is the one that stands.
   *
   * @param {string} session
   * @param {Answer} answer
   * @returns {boolean}  false when the same answer is kept already
   */
  add (session, answer) {
    const given = this.#kept.filter((kept) => kept.session === session && kept.prompt === answer.prompt)
    const again = answer.word
      ? given.findLast((kept) => kept.word)?.word === answer.word
      : given.some((kept) => kept.stage === answer.stage && !kept.word)
    if (again) return false
    this.#keep([...this.#kept, { ...answer, session, sent: false }].slice(-MOST))
    return true
  }

  /**
   * Drop what the server took and the board shows by now; of another session, whose board is gone, all that it took.
   * What is not sent yet always goes: the board may show its word from an answer that another one has replaced since.
   *
   * @param {string} session
   * @param {Iterable<Prompt>} prompts
   */
  settle (session, prompts) {
    const open = new Set(unconfirmed(prompts, this.#device, this.of(session)))
    const on = new Set([...prompts].map((prompt) => prompt.id))
    const kept = this.#kept.filter((one) => !one.sent || (one.session === session && open.has(one) && on.has(one.prompt)))
    if (kept.length !== this.#kept.length) this.#keep(kept)
  }

  /** Drop all of it: this device is not paired any more, and nobody would take its answers. */
  forget () { this.#keep([]) }

  /** Send what waits, oldest first; stops at the first that cannot get through. @returns {Promise<void>} */
  flush () {
    this.#sending ??= this.#flush().finally(() => { this.#sending = null })
    return this.#sending
  }

  async #flush () {
    for (let next = this.#next(); next; next = this.#next()) {
      const answer = next
      const { ok, code } = await this.#send(answer, keyOf(answer, this.#device))
      if (!ok && waits(code)) return
      // Taken, or refused for good: a refusal leaves the card as the board has it.
      this.#keep(this.#kept.flatMap((kept) => kept !== answer ? [kept] : ok ? [{ ...kept, sent: true }] : []))
    }
  }

  #next () { return this.#kept.find((kept) => !kept.sent) }

  /** @param {Kept[]} kept */
  #keep (kept) {
    this.#kept = kept
    try {
      if (kept.length > 0) this.#storage.setItem(this.#name, JSON.stringify(kept))
      else this.#storage.removeItem(this.#name)
    } catch {
      // A full or forbidden storage: the answers still go out while the page lives.
    }
  }
}

/**
 * One tap, however often it is sent, is one command; the same word tapped later is another one.
 *
 * @param {Answer} answer
 * @param {string} device
 * @returns {string}
 */
export function keyOf ({ prompt, stage, word, at_ms: at }, device) {
  return ['r', device, prompt, stage, word, at].filter(Boolean).join('-')
}

/** @param {string | null} text @returns {Kept[]} what was kept before the page was loaded; nothing when it is not ours */
function read (text) {
  try {
    const kept = JSON.parse(text ?? '[]')
    return Array.isArray(kept) ? kept.filter((one) => one && typeof one.prompt === 'string' && typeof one.session === 'string' && typeof one.at_ms === 'number') : []
  } catch {
    return []
  }
}
