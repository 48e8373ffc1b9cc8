/**
 * What every part of the console shares: the room's board and its past, the moment, and when something is drawn.
 *
 * A part says which topics it draws (`draws`) and what it does each second (`ticks`); all that changed is drawn once in
 * the next animation frame. A tab nobody looks at has no such frames: what is heard, and what stands in the tab's title,
 * comes with the frames themselves (`heeds`). What is chosen in a list, in the lane or on a chart is chosen everywhere.
 *
 * @import { Moment } from '../desk/tiles.js'
 * @import { Chosen } from '../desk/timeline.js'
 * @typedef {{ topics: ReadonlySet<string>, draw: (now: Moment) => void }} Part
 */

import { readBoot } from '../boot.js'
import { History } from '../desk/history.js'
import { worse } from '../desk/freshness.js'
import { topic } from '../feed/board.js'
import { sessionNow, wallNow } from '../feed/clock.js'
import { Feed } from '../feed/socket.js'
import { find } from '../views/dom.js'
import { Shell } from './shell.js'

export class Room {
  boot = readBoot()
  room = this.boot.room ?? { id: '', name: '', platform: '', zone: 'Asia/Shanghai' }
  shell = new Shell(this.boot, this.room.zone)
  history = new History()
  page = /** @type {HTMLElement} */ (find(document, '#console'))
  /** The session on the page; empty while there is none. */
  session = ''
  /** @type {Chosen | null} */ chosen = null
  /** @type {(changed: ReadonlySet<string>) => void} */ onChange = () => {}
  /** @type {() => void} */ onFrame = () => {}
  /** @type {() => void} */ onCaughtUp = () => {}
  /** @type {((now: Moment, session: string) => void)[]} */ onSession = []
  /** @type {Part[]} */ #parts = []
  /** @type {((now: Moment) => void)[]} */ #seconds = []
  /** @type {(() => void)[]} */ #ears = []
  /** @type {Set<string>} */ #dirty = new Set(['all'])
  #drawing = false
  #shape = ''

  constructor () {
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
    this.feed = new Feed(`${scheme}://${location.host}/ws/rooms/${encodeURIComponent(this.room.id)}?audience=control`, {
      onChange: (changed) => {
        this.#follow()
        this.onChange(changed)
        this.#heed()
        this.redraw(changed)
      },
      onFrame: () => { this.shell.loaded(); this.onFrame() },
      onLink: () => { this.shell.showLink(Date.now()); this.redraw(['devices']) },
      onCaughtUp: (deltas) => { this.shell.caughtUp(deltas); this.onCaughtUp() },
      onRefused: (code) => this.shell.refused(code)
    })
    this.shell.feed = this.feed
    this.shell.onTheme = () => this.redraw(['all'])
    document.addEventListener('visibilitychange', () => { if (!document.hidden) this.redraw(['all']) })
  }

  get board () {
    return this.feed.board
  }

  /** @template {keyof import('../../types/frames.js').TopicValues} T @param {T} name @returns {ReadonlyMap<string, import('../../types/frames.js').TopicValues[T]>} */
  topic (name) {
    return topic(this.feed.board, name)
  }

  get head () {
    return this.topic('session').get('head')
  }

  /** Whether the sample gets its next loop ready: its clock is moved by hand, and nothing of it is of this moment. */
  get preparing () {
    return this.head?.kind === 'demo' && this.head.state !== 'ended' && this.feed.clock.rate === 0
  }

  /** @returns {Moment} */
  moment () {
    const { head, feed, history } = this
    const local = Date.now()
    const { lostAt, open } = feed.link
    const cut = lostAt !== null && !open
    const nowMs = sessionNow(feed.clock, local)
    return { board: feed.board, history, nowMs, knownMs: cut ? feed.clock.now_ms : nowMs, cutMs: cut ? Math.max(1, local - feed.clock.at) : 0, zone: head?.zone ?? this.room.zone, currency: head?.currency ?? 'CNY', head }
  }

  /** @returns {boolean} whether what is shown is too old to be believed, because the link is lost */
  get frozen () {
    return worse('live', this.moment().cutMs) === 'stale'
  }

  get wall () {
    return wallNow(this.feed.clock, Date.now())
  }

  /** @param {string} path @returns {string} of this session */
  api (path) {
    return `/api/sessions/${encodeURIComponent(this.session)}${path}`
  }

  /** @param {readonly string[]} topics @param {(now: Moment) => void} draw */
  draws (topics, draw) {
    this.#parts.push({ topics: new Set(topics), draw })
  }

  /** @param {(now: Moment) => void} draw  once a second, on the server's second: figures, ages, countdowns */
  ticks (draw) {
    this.#seconds.push(draw)
  }

  /** @param {() => void} heed  with every change and each second, whether or not anybody looks */
  heeds (heed) {
    this.#ears.push(heed)
  }

  #heed () {
    for (const heed of this.#ears) heed()
  }

  /** Another session of the room takes the page over. */
  #follow () {
    const { head } = this
    if (head && head.id !== this.session) {
      this.session = head.id
      this.chosen = null
      this.history.clear()
      const now = this.moment()
      for (const begin of this.onSession) begin(now, head.id)
    }
    if ((this.feed.board.hello?.session ?? '') === '') this.session = ''
  }

  /** @param {Iterable<string>} topics  draw what shows them in the next animation frame, all at once */
  redraw (topics) {
    for (const name of topics) this.#dirty.add(name)
    if (this.#drawing) return
    this.#drawing = true
    requestAnimationFrame(() => {
      this.#drawing = false
      const dirty = this.#dirty
      this.#dirty = new Set()
      this.#draw(dirty)
    })
  }

  /** @param {Set<string>} dirty */
  #draw (dirty) {
    const now = this.moment()
    const { head } = this
    const shape = `${head?.id} ${head?.state} ${head?.kind} ${head?.skus_more} ${head?.alerts_more} ${this.preparing}`
    if (shape === this.#shape) dirty.delete('session') // its head counts events: new with every delta, and nothing to draw
    else dirty.add('session')
    this.#shape = shape
    for (const { topics, draw } of this.#parts) if (dirty.has('all') || [...topics].some((name) => dirty.has(name))) draw(now)
  }

  /** @param {Chosen | null} chosen  in a list, in the lane or on a chart */
  choose (chosen) {
    if (chosen?.id === this.chosen?.id && chosen?.kind === this.chosen?.kind) return
    this.chosen = chosen
    this.redraw(['chosen'])
  }

  /** Open the socket, and begin to count the seconds. */
  start () {
    this.feed.open()
    this.#tick()
  }

  #tick () {
    this.shell.tick(Date.now())
    this.#heed()
    if (!document.hidden) {
      const now = this.moment()
      for (const draw of this.#seconds) draw(now)
    }
    setTimeout(() => this.#tick(), 1000 - (this.wall % 1000) + 5)
  }
}

/** @param {Event} event @param {string} selector @returns {HTMLButtonElement | null} */
export function pressed (event, selector) {
  return event.target instanceof Element ? event.target.closest(selector) : null
}
