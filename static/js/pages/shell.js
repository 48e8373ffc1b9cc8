/**
 * What never moves between the desk's pages: counts, strip, connection, clock, sound, keys, toasts, dialogs.
 *
 * @import { Alert } from '../../types/frames.js'
 * @import { Answer } from '../feed/commands.js'
 * @import { Feed } from '../feed/socket.js'
 * @import { Boot } from '../boot.js'
 * @typedef {{ alert: Alert, room: string, nowMs: number, fix: { text: string } | null, open: string } | null} StripModel
 */

import { ageOf, isListed, rank } from '../desk/alerts.js'
import { sessionNow, wallNow } from '../feed/clock.js'
import { post } from '../feed/commands.js'
import { CLOSE_NOT_FOUND, CLOSE_SIGNED_OUT, canSend, linkState } from '../feed/resume.js'
import { age, brief, clock, duration, zoneName } from '../format.js'
import { authored, t, tOr } from '../words.js'
import { attr, copy, find, forgetTokens, put, putAuthored, show } from '../views/dom.js'
import { Keys } from './keys.js'
import { Sound } from './sound.js'

const NARROW = 900 // as in the style sheets: a phone
const TOAST_MS = 5_000
const SPEAK_EVERY_MS = 5_000
const ACTING = new Set(['admin', 'controller'])

export class Shell {
  keys = new Keys()
  /** @type {Feed | null} */ feed = null
  /** Whether the session has a clock of its own (演练): every time on the page is then that clock's. */
  ownClock = false
  /** @type {() => void} */ onTheme = () => {}
  /** @type {() => void} */ onFix = () => {}
  /** @type {() => void} */ onAck = () => {}
  #root = /** @type {HTMLElement} */ (find(document, '#shell'))
  #sound
  #boot
  #zone
  #spokenAt = 0
  /** Why the server will not have this page, in words; nothing will come by waiting. */
  #refusal = ''
  /** @type {ReadonlyMap<string, number>} */ #alerts = new Map()
  /** @type {ReadonlyMap<string, number>} */ #calls = new Map()
  #spoken = ''

  /** @param {Boot} boot @param {string} zone */
  constructor (boot, zone) {
    this.#boot = boot
    this.#zone = zone
    this.#sound = new Sound(() => this.#showSound())
    this.#showSound()
    this.#wire()
    this.#commonKeys()
    this.setMode('')
  }

  /** @returns {boolean} whether this person's role acts */
  get acts () {
    return ACTING.has(this.#boot.me.role)
  }

  /** @param {string} zone  of the room */
  useZone (zone) {
    this.#zone = zone
  }

  #wire () {
    for (const dialog of document.querySelectorAll('dialog')) {
      for (const button of dialog.querySelectorAll('[data-close]')) button.addEventListener('click', () => dialog.close())
      dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close() })
    }
    for (const button of this.#root.querySelectorAll('[data-do]')) button.addEventListener('click', () => this.#do(/** @type {HTMLElement} */ (button).dataset.do ?? ''))
    find(document, '#theme').addEventListener('click', () => this.#do('theme'))
    find(document, '#sound').addEventListener('click', () => this.#sound.test())
    find(document, '#link').addEventListener('click', () => this.#showLinkDialog())
    find(document, '#link-retry').addEventListener('click', () => this.feed?.open())
    addEventListener('online', () => { if (this.feed && !this.feed.link.open && !this.#refusal) this.feed.open() }) // no need to wait for the next try
    find(document, '#link-copy').addEventListener('click', () => this.#copyFacts())
    find(document, '#strip-ack').addEventListener('click', () => this.onAck())
    find(document, '#strip-fix').addEventListener('click', () => this.onFix())
    const single = find(document, '#keys-on')
    single.checked = this.keys.singleOn
    single.addEventListener('change', () => this.keys.setSingle(single.checked))
    let worn = ''
    addEventListener('beforeprint', () => { worn = document.documentElement.dataset.theme ?? 'dark'; this.#wear('light') }) // paper is white
    addEventListener('afterprint', () => this.#wear(worn))
    document.addEventListener('click', (event) => {
      for (const menu of document.querySelectorAll('details.menu[open]')) if (!menu.contains(/** @type {Node} */ (event.target))) menu.removeAttribute('open')
    })
    document.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return
      const menu = document.querySelector('details.menu[open]')
      menu?.removeAttribute('open')
      menu?.querySelector('summary')?.focus()
    })
  }

  #commonKeys () {
    const { keys } = this
    keys.on('digit', 'shell.key.room', (n) => { const room = this.#boot.rooms[n - 1]; if (room) location.assign(`/rooms/${encodeURIComponent(room.id)}`) }, '1–9')
    keys.on('g o', 'shell.key.overview', () => location.assign('/'), 'G O')
    keys.on('g r', 'shell.key.rooms', () => { const menu = find(document, '#room-menu'); menu.open = true; menu.querySelector('a')?.focus() }, 'G R')
    keys.on('a', 'shell.key.ack', () => this.onAck())
    keys.on('m', 'shell.key.mute', () => this.#sound.mute())
    keys.on('t', 'shell.key.theme', () => this.#do('theme'))
    keys.on('?', 'shell.key.help', () => this.#do('keys'))
  }

  /** @param {string} what */
  #do (what) {
    for (const menu of document.querySelectorAll('details.menu[open]')) menu.removeAttribute('open')
    if (what === 'theme') this.#switchTheme()
    else if (what === 'sound') this.#sound.test()
    else if (what === 'keys') {
      this.keys.fillList(find(document, '#keys-list'))
      find(document, '#keys').showModal()
    } else if (what === 'sign-out') this.#signOut()
  }

  #switchTheme () {
    const other = document.documentElement.dataset.theme === 'light' ? 'dark' : 'light'
    document.cookie = `theme=${other}; path=/; max-age=31536000; samesite=lax`
    this.#wear(other)
  }

  /** @param {string} theme */
  #wear (theme) {
    document.documentElement.dataset.theme = theme
    forgetTokens()
    this.onTheme()
  }

  async #signOut () {
    const answer = await post('/api/logout', {})
    if (answer.ok) location.assign('/login')
    else this.say(refusal(answer))
  }

  /** The first frame is here: no skeletons any more. */
  loaded () {
    attr(this.#root, 'data-loading', null)
  }

  /** @param {string} mode  drill, unsaved, or nothing; a role that only reads is shown where nothing else is */
  setMode (mode) {
    const shown = mode || (this.acts ? '' : 'read_only')
    attr(this.#root, 'data-mode', shown || null)
    attr(this.#root, 'data-acts', this.acts ? '' : null)
    const tag = find(document, '#mode')
    show(tag, shown !== '')
    put(tag, shown ? t(`shell.mode.${shown}`) : '')
  }

  /** @param {readonly [number, number, number]} counts */
  setCounts (counts) {
    find(document, '#counts').querySelectorAll('.count').forEach((/** @type {HTMLElement} */ element, /** @type {number} */ i) => {
      attr(element, 'data-n', counts[i])
      put(find(element, 'b'), String(counts[i]))
    })
    const rest = document.title.replace(/^\(\d+\) /, '')
    const urgent = counts[0] + counts[1]
    const title = urgent > 0 ? `(${urgent}) ${rest}` : rest
    if (document.title !== title) document.title = title
  }

  /** @param {readonly string[]} calls  of hosts: heard as a P2 is */
  heedCalls (calls) {
    this.#calls = new Map(calls.map((key) => [key, 2]))
    this.#listen()
  }

  #listen () {
    this.#sound.heed(new Map([...this.#alerts, ...this.#calls]))
  }

  /** @param {Iterable<Alert>} alerts  every listed one: what waits is heard */
  heed (alerts) {
    this.#alerts = new Map([...alerts].filter((alert) => isListed(alert) && alert.acked_ms == null && rank(alert) <= 2).map((alert) => [alert.id, rank(alert)]))
    this.#listen()
  }

  /** @param {StripModel} model */
  setStrip (model) {
    const strip = find(document, '#strip')
    show(strip, model !== null)
    if (!model) { this.#spoken = ''; return }
    const p = rank(model.alert)
    attr(strip, 'data-p', p)
    attr(strip, 'data-key', model.alert.id)
    attr(find(strip, '.pri'), 'data-p', p)
    attr(find(strip, '.pri'), 'aria-label', model.alert.severity)
    const title = authored(model.alert.title)
    const text = t('shell.said', { room: model.room, title: title.text })
    putAuthored(find(strip, '#strip-text'), { text: t('shell.said', { room: brief(model.room, innerWidth < NARROW ? 8 : 24), title: title.text }), lang: title.lang })
    attr(find(strip, '#strip-text'), 'title', text)
    const back = model.alert.condition === 'ended'
    attr(strip, 'data-back', back ? '' : null)
    const lasted = duration(ageOf(model.alert, model.nowMs))
    put(find(strip, '#strip-age'), back ? t('shell.strip.back', { age: lasted }) : lasted)
    const fix = find(strip, '#strip-fix')
    show(fix, model.fix !== null)
    put(fix, model.fix?.text ?? '')
    attr(find(strip, '#strip-open'), 'href', model.open)
    this.#speak(model.alert.id, text, p)
  }

  /** @param {string} id @param {string} text @param {number} p  at most one announcement in five seconds */
  #speak (id, text, p) {
    const now = Date.now()
    if (id === this.#spoken || now - this.#spokenAt < SPEAK_EVERY_MS) return
    this.#spoken = id
    this.#spokenAt = now
    put(find(document, p === 1 ? '#said-now' : '#said-later'), text)
  }

  /** @param {number} local  Date.now(); once a second */
  tick (local) {
    if (this.feed && this.feed.clock.at > 0) {
      const wall = wallNow(this.feed.clock, local)
      const shown = this.ownClock ? sessionNow(this.feed.clock, local) : wall
      put(find(document, '#clock-time'), clock(shown, this.#zone))
      put(find(document, '#clock-zone'), zoneName(this.#zone, wall))
      attr(find(document, '#clock'), 'title', this.ownClock ? t('shell.clock.session', { at: clock(wall, this.#zone) }) : t('shell.clock.server'))
    }
    this.showLink(local)
    this.#showSound()
  }

  /** @param {number} local */
  showLink (local) {
    const { feed } = this
    if (!feed) return
    const { link } = feed
    if (link.open) this.#refusal = ''
    const state = this.#refusal ? 'offline' : linkState(link, local)
    const chip = find(document, '#link')
    attr(chip, 'data-state', state)
    attr(this.#root, 'data-link', state)
    const since = age(local - (link.frameAt ?? link.lostAt ?? local))
    put(find(document, '#link-text'), t(`shell.link.${state}`, { age: state === 'offline' ? duration(local - (link.lostAt ?? local)) : since, n: link.attempt }))
    const cut = state === 'reconnecting' || state === 'offline'
    show(find(document, '#link-note'), cut)
    if (cut) this.#showCut(link.retryAt === null ? 0 : Math.ceil((link.retryAt - local) / 1000))
    this.#allowCommands(canSend(state))
  }

  /** @param {number} left  seconds to the next try: for the eye, as a figure that moves each second would be read out each second */
  #showCut (left) {
    const { clock: known } = /** @type {Feed} */ (this.feed)
    const last = this.ownClock ? known.now_ms : known.wall_ms
    const worded = (/** @type {string} */ what) => (last > 0 ? t('shell.link.bar', { at: clock(last, this.#zone), retry: what }) : what)
    put(find(document, '#link-note-said'), worded(this.#refusal || t('shell.link.why')))
    put(find(document, '#link-note-text'), worded(this.#refusal || (left > 0 ? t('shell.link.lost', { s: left }) : t('shell.link.trying'))))
  }

  /** @param {boolean} on  buttons that need the server say why they cannot be pressed */
  #allowCommands (on) {
    if (on === (this.#root.dataset.cut === undefined)) return
    attr(this.#root, 'data-cut', on ? null : '')
    for (const button of document.querySelectorAll('[data-cmd]')) this.guard(/** @type {HTMLButtonElement} */ (button))
  }

  /** @param {HTMLButtonElement} button  a new row's: as able as the others */
  guard (button) {
    const cut = this.#root.dataset.cut !== undefined
    button.disabled = cut || button.dataset.off !== undefined || button.dataset.pending !== undefined
    const why = t('shell.link.why')
    if (cut && button.title !== why) {
      button.dataset.title = button.title
      button.title = why
    } else if (!cut && button.dataset.title !== undefined) {
      attr(button, 'title', button.dataset.title || null)
      delete button.dataset.title
    }
  }

  /** @param {number} code  the server will not have this page */
  refused (code) {
    if (code === CLOSE_SIGNED_OUT) { location.assign(`/login?next=${encodeURIComponent(location.pathname)}`); return }
    this.#refusal = t(code === CLOSE_NOT_FOUND ? 'shell.link.gone' : 'shell.link.refused')
    this.showLink(Date.now())
  }

  /** @param {number} deltas */
  caughtUp (deltas) {
    this.say(deltas > 0 ? t('shell.link.caught_up', { n: deltas }) : t('shell.link.back'))
  }

  #facts () {
    const feed = this.feed
    if (!feed) return []
    return [
      [t('shell.link.fact.session'), feed.board.hello?.session ?? '—'],
      [t('shell.link.fact.seq'), `${feed.board.epoch}.${feed.board.seq}`],
      [t('shell.link.fact.build'), feed.board.hello?.build || '—'],
      [t('shell.link.fact.age'), feed.link.frameAt === null ? '—' : age(Date.now() - feed.link.frameAt)],
      [t('shell.link.fact.offset'), `${feed.clock.offset} ms`]
    ]
  }

  #showLinkDialog () {
    find(document, '#link-facts').replaceChildren(...this.#facts().map(([name, value]) => {
      const row = copy('pair-row')
      find(row, 'dt').textContent = name
      find(row, 'dd').textContent = value
      return row
    }))
    find(document, '#link-dialog').showModal()
  }

  async #copyFacts () {
    const text = [...this.#facts().map((fact) => fact.join(': ')), location.pathname, navigator.userAgent].join('\n')
    try {
      await navigator.clipboard.writeText(text)
      this.say(t('shell.link.copied'))
    } catch {
      getSelection()?.selectAllChildren(find(document, '#link-facts')) // no clipboard without HTTPS: selected at least
    }
  }

  #showSound () {
    const state = this.#sound.state
    const chip = find(document, '#sound')
    attr(chip, 'data-state', state)
    put(find(document, '#sound-text'), t(`shell.sound.${state}`, { at: clock(this.#sound.mutedUntil, this.#zone, false) }))
    attr(chip, 'title', t('shell.sound.hint'))
    attr(chip, 'aria-label', t(`shell.sound.${state}`, { at: clock(this.#sound.mutedUntil, this.#zone, false) }))
  }

  /** @param {string} text @param {{ text: string, act: () => void } | null} [action] */
  say (text, action = null) {
    const toast = copy('toast-row')
    put(find(toast, '.toast-text'), text)
    const button = find(toast, 'button')
    show(button, action !== null)
    put(button, action?.text ?? '')
    const leave = () => toast.remove()
    button.addEventListener('click', () => { leave(); action?.act() })
    find(document, '#toasts').append(toast)
    setTimeout(leave, TOAST_MS)
  }

  /**
   * Send a command from its button: pending on the button, then the outcome in words.
   *
   * @param {HTMLButtonElement | null} button
   * @param {string} path
   * @param {unknown} body
   * @param {(answer: Answer) => void} [done]
   * @returns {Promise<Answer>}
   */
  async command (button, path, body, done) {
    if (button) { button.dataset.pending = ''; button.setAttribute('aria-busy', 'true'); button.disabled = true }
    const answer = await post(path, body)
    if (button) { delete button.dataset.pending; button.removeAttribute('aria-busy'); this.guard(button) }
    if (answer.ok) done?.(answer)
    else if (answer.code === 'unauthenticated') this.refused(CLOSE_SIGNED_OUT)
    else this.say(refusal(answer))
    return answer
  }

  /** @param {string} title @param {string} text @param {string} yes @returns {Promise<boolean>} */
  sure (title, text, yes) {
    const dialog = /** @type {HTMLDialogElement} */ (find(document, '#sure-dialog'))
    put(find(dialog, '#sure-title'), title)
    put(find(dialog, '#sure-text'), text)
    const button = find(dialog, '#sure-yes')
    put(button, yes)
    return new Promise((resolve) => {
      let said = false
      button.onclick = () => { said = true; dialog.close() }
      dialog.onclose = () => resolve(said)
      dialog.showModal()
      button.focus()
    })
  }
}

/** @param {Answer} answer @returns {string} why it was refused, in words */
export function refusal (answer) {
  return tOr(`error.${answer.code}`, answer.body?.detail ?? t('error.unknown'), { ...answer.body, ...answer.body?.context })
}
