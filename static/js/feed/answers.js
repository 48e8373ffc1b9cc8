/**
 * What the host answered and the server has not confirmed yet: kept on the device, sent in order, with the time at which
 * it happened. No DOM; storage, clock and sending are handed in.
 *
 * @import { Prompt } from '../../types/frames.js'
 * @import { Answer } from './cards.js'
 * @typedef {Answer & { session: string, sent: boolean }} Kept  `sent`: taken by the server, not yet seen on the board
 * @typedef {{ getItem: (key: string) => string | null, setItem: (key: string, value: string) => void }} Storage
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

  /** @param {string} device @param {Storage} storage @param {Send} send */
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
   * @param {string} session
   * @param {Answer} answer
   * @returns {boolean}  false when the same answer is kept already
   */
  add (session, answer) {
    const again = this.#kept.some((kept) => kept.session === session && kept.prompt === answer.prompt && kept.stage === answer.stage && (kept.word ?? '') === (answer.word ?? ''))
    if (again) return false
    this.#keep([...this.#kept, { ...answer, session, sent: false }].slice(-MOST))
    return true
  }

  /**
   * Drop what the board shows by now. Of another session only what was sent is dropped: its board is gone.
   *
   * @param {string} session
   * @param {Iterable<Prompt>} prompts
   */
  settle (session, prompts) {
    const open = new Set(unconfirmed(prompts, this.#device, this.of(session)))
    const on = new Set([...prompts].map((prompt) => prompt.id))
    const kept = this.#kept.filter((one) => one.session === session ? open.has(one) && !(one.sent && !on.has(one.prompt)) : !one.sent)
    if (kept.length !== this.#kept.length) this.#keep(kept)
  }

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
      this.#storage.setItem(this.#name, JSON.stringify(kept))
    } catch {
      // A full or forbidden storage: the answers still go out while the page lives.
    }
  }
}

/** @param {Answer} answer @param {string} device @returns {string} the same answer sent twice is one command */
export function keyOf (answer, device) {
  return `r-${device}-${answer.prompt}-${answer.stage}${answer.word ? `-${answer.word}` : ''}`
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
