/**
 * One WebSocket that keeps itself alive: opens, resumes, asks for what is missing, and hands every frame to its page.
 *
 * Owns the board, the server's clock and the link; knows nothing of the DOM. What it uses of the browser is handed in,
 * so that tests can drive it.
 *
 * @import { Frame } from '../../types/frames.js'
 * @import { Board, Want } from './board.js'
 * @import { Clock } from './clock.js'
 * @import { Link } from './resume.js'
 * @typedef {{
 *   connect: (url: string, protocol: string) => WebSocket,
 *   now: () => number,
 *   chance: () => number,
 *   later: (action: () => void, ms: number) => number,
 *   cancel: (timer: number) => void
 * }} Surroundings
 * @typedef {{
 *   onChange?: (changed: ReadonlySet<string>) => void,
 *   onFrame?: (frame: Frame) => void,
 *   onLink?: () => void,
 *   onCaughtUp?: (deltas: number) => void,
 *   onRefused?: (code: number) => void
 * }} Listeners
 */

import { EMPTY, applyFrame } from './board.js'
import { UNSET, greeted, isOld, stamped } from './clock.js'
import { IDLE, delayMs, mayRetry } from './resume.js'

export const PROTOCOL = 'cueroom.v1'
const ASK_AGAIN_MS = 1_000
const ATTEMPT_MS = 10_000 // a network that swallows everything would leave an attempt open for minutes
const SILENCE_MS = 6_000 // six beats missed: the connection is dead, whatever the socket says

/** @returns {Surroundings} */
export function browser () {
  return {
    connect: (url, protocol) => new WebSocket(url, protocol),
    now: () => Date.now(),
    chance: Math.random,
    later: (action, ms) => window.setTimeout(action, ms),
    cancel: (timer) => window.clearTimeout(timer)
  }
}

export class Feed {
  /** @type {Board} */ board = EMPTY
  /** @type {Clock} */ clock = UNSET
  /** @type {Link} */ link = IDLE
  /** @type {WebSocket | null} */ #socket = null
  /** @type {number | null} */ #retry = null
  /** @type {number | null} */ #silence = null
  #askedAt = -Infinity
  /** @type {number | null} */ #resumedFrom = null
  #url
  #around
  #listeners

  /** @param {string} url @param {Listeners} listeners @param {Surroundings} [around] */
  constructor (url, listeners, around = browser()) {
    this.#url = url
    this.#listeners = listeners
    this.#around = around
  }

  /** Open now; also the answer to 立即重试. */
  open () {
    if (this.#retry !== null) this.#around.cancel(this.#retry)
    this.#retry = null
    this.#drop()
    const socket = this.#around.connect(this.#address(), PROTOCOL)
    this.#socket = socket
    socket.onopen = () => {
      this.#setLink({ ...this.link, open: true, frameAt: null, retryAt: null })
      this.#listen()
    }
    this.#listen(ATTEMPT_MS)
    socket.onmessage = (event) => this.#take(/** @type {Frame} */ (JSON.parse(event.data)))
    socket.onclose = (event) => this.#lost(event.code)
  }

  #address () {
    if (this.board.epoch === 0) return this.#url
    const join = this.#url.includes('?') ? '&' : '?'
    return `${this.#url}${join}epoch=${this.board.epoch}&seq=${this.board.seq}`
  }

  #drop () {
    if (this.#silence !== null) this.#around.cancel(this.#silence)
    this.#silence = null
    if (!this.#socket) return
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null
    this.#socket.close()
    this.#socket = null
  }

  /** @param {number} code */
  #lost (code) {
    this.#drop()
    const attempt = this.link.attempt
    const lostAt = this.link.lostAt ?? this.#around.now()
    if (this.#resumedFrom === null && this.board.epoch > 0) this.#resumedFrom = this.board.seq
    if (!mayRetry(code)) {
      this.#setLink({ open: false, attempt, lostAt, frameAt: null, retryAt: null })
      this.#listeners.onRefused?.(code)
      return
    }
    const wait = delayMs(attempt, code, this.#around.chance())
    this.#setLink({ open: false, attempt: attempt + 1, lostAt, frameAt: null, retryAt: this.#around.now() + wait })
    this.#retry = this.#around.later(() => this.open(), wait)
  }

  /** @param {number} [most]  how long it may be silent from now on */
  #listen (most = SILENCE_MS) {
    if (this.#silence !== null) this.#around.cancel(this.#silence)
    this.#silence = this.#around.later(() => this.#lost(1006), most)
  }

  /** @param {Frame} frame */
  #take (frame) {
    const local = this.#around.now()
    this.#listen()
    const epoch = this.board.epoch
    const { board, changed, want } = applyFrame(this.board, frame)
    this.board = board
    if (frame.type !== 'hello') this.clock = stamped(this.clock, frame, local, frame.type !== 'beat')
    else if (frame.wall_ms) this.clock = greeted(this.clock, frame.wall_ms, local)
    const replayed = frame.type === 'delta' && isOld(this.clock, frame.wall_ms, local)
    const settled = want === null && board.partial === null && frame.type !== 'hello' && !replayed
    const first = this.link.frameAt === null
    this.link = { ...this.link, frameAt: local }
    if (settled && (this.link.lostAt !== null || this.link.attempt > 0)) this.#caughtUp(epoch)
    else if (first) this.#listeners.onLink?.()
    if (want) this.#ask(want, local)
    this.#listeners.onFrame?.(frame)
    if (changed.size > 0) this.#listeners.onChange?.(changed)
  }

  /** @param {number} epoch  the board's before this frame */
  #caughtUp (epoch) {
    const from = this.#resumedFrom
    this.#resumedFrom = null
    this.#setLink({ ...this.link, attempt: 0, lostAt: null })
    if (from !== null) this.#listeners.onCaughtUp?.(epoch === this.board.epoch ? Math.max(0, this.board.seq - from) : 0)
  }

  /** @param {Want} want @param {number} local */
  #ask (want, local) {
    if (local - this.#askedAt < ASK_AGAIN_MS) return
    this.#askedAt = local
    this.#socket?.send(JSON.stringify(want.seq === null ? { type: 'ask', epoch: want.epoch } : { type: 'ask', ...want }))
  }

  /** @param {Link} link */
  #setLink (link) {
    this.link = link
    this.#listeners.onLink?.()
  }
}
