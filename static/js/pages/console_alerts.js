/**
 * The alerts of the room: the list with what the board leaves out, the strip, what is not being watched, and acknowledging.
 *
 * @import { Alert } from '../../types/frames.js'
 * @import { Moment } from '../desk/tiles.js'
 * @import { Room } from './console_room.js'
 * @import { HostPart } from './console_host.js'
 */

import { PAST_MS, counts, departed, listed, loudest, proposal, rank, stateOf } from '../desk/alerts.js'
import { liveOf } from '../desk/live.js'
import { blindSpots } from '../desk/watch.js'
import { pages } from '../feed/pages.js'
import { t } from '../words.js'
import { fillAlerts } from '../views/alerts.js'
import { attr, find, put, show } from '../views/dom.js'
import { fillBlind } from '../views/watch.js'
import { drawTab } from './console_panels.js'
import { pressed } from './console_room.js'

const REST_EVERY_MS = 10_000

export class AlertsPart {
  /** @type {ReadonlyMap<string, Alert>} */ #before = new Map()
  /** @type {ReadonlyMap<string, Alert>} */ #past = new Map()
  #pastOf = ''
  /** @type {Set<string>} */ #ackedHere = new Set()
  /** @type {Set<string>} */ #busy = new Set()
  /** Those beyond the board's hundred, once somebody asked for them. @type {Alert[] | null} */ #rest = null
  #restAt = 0
  #room
  #host
  #list = /** @type {HTMLElement} */ (find(document, '#alert-list'))

  /** @param {Room} room @param {HostPart} host */
  constructor (room, host) {
    this.#room = room
    this.#host = host
    room.onSession.push(() => { this.#rest = null })
    room.draws(['alerts', 'prompts', 'deliveries', 'session'], (now) => this.#draw(now))
    room.draws(['chosen'], () => this.#showChosen())
    room.draws(['rules', 'sources', 'session'], (now) => this.#drawBlind(now))
    room.ticks((now) => { this.#draw(now); this.#drawBlind(now) })
    room.heeds(() => this.#heed())
    this.#wire()
  }

  /** The alerts of the board, and what has just left it. @returns {Alert[]} */
  get known () {
    return [...this.#room.topic('alerts').values(), ...this.#past.values()]
  }

  /** Alerts that left the board stay as one line; in another session, or where the board leaves some out, nothing is known of them. */
  keepPast () {
    const after = this.#room.topic('alerts')
    const { head } = this.#room
    const same = head !== undefined && head.id === this.#pastOf && !head.alerts_more
    this.#past = same ? departed(this.#past, this.#before, after, this.#room.feed.clock.now_ms, (id) => (this.#ackedHere.has(id) ? this.#room.boot.me.name : '')) : new Map()
    this.#before = after
    this.#pastOf = head?.id ?? ''
  }

  /** @param {Moment} now @returns {Alert[]} newest first */
  #pastRows (now) {
    return [...this.#past.values()].filter((alert) => now.nowMs - (alert.ended_ms ?? 0) < PAST_MS).sort((a, b) => (b.ended_ms ?? 0) - (a.ended_ms ?? 0))
  }

  /** @param {Moment} now */
  #draw (now) {
    const { shell, preparing } = this.#room
    const board = this.#room.topic('alerts')
    const rows = preparing ? [] : listed(board.values())
    const rest = preparing ? [] : listed((this.#rest ?? []).filter((alert) => !board.has(alert.id)))
    const past = preparing ? [] : this.#pastRows(now)
    fillAlerts(this.#list, [...rows, ...rest, ...past], { live: (alert) => liveOf(now, alert), prompts: this.#room.topic('prompts').values(), deliveries: this.#room.topic('deliveries').values(), nowMs: now.nowMs, zone: now.zone, busy: (id) => this.#busy.has(id) })
    for (const button of this.#list.querySelectorAll('[data-cmd]')) shell.guard(/** @type {HTMLButtonElement} */ (button))
    show(find(document, '#alerts-none'), this.#list.children.length === 0)
    this.#drawMore(now.head?.alerts_more ?? 0, rest.length)
    const n = rows.length + (now.head?.alerts_more ?? 0)
    put(find(document, '#alerts-note'), rows.length > 0 ? t('console.alerts.note', { n }) : '')
    this.#drawStrip()
    drawTab('alerts', rows.filter((alert) => stateOf(alert) === 'new').map(rank), n)
    this.#showChosen()
  }

  #heed () {
    const { shell, preparing } = this.#room
    const rows = preparing ? [] : [...this.#room.topic('alerts').values()]
    shell.setCounts(counts(rows))
    shell.heed(rows)
  }

  /** @param {number} more  that the board leaves out @param {number} shown  of them */
  #drawMore (more, shown) {
    const button = find(document, '#alerts-more')
    show(button, more > 0)
    put(button, this.#rest === null ? t('console.alerts.more', { n: more }) : t('console.alerts.less', { n: shown }))
    if (this.#rest !== null && more > 0 && Date.now() - this.#restAt > REST_EVERY_MS) this.#loadRest()
    if (more === 0) this.#rest = null
  }

  async #loadRest () {
    this.#restAt = Date.now()
    const { session } = this.#room
    const found = await pages(this.#room.api('/alerts?listed=true'))
    if (found === null) { this.#room.shell.say(t('console.load_failed')); return }
    if (session !== this.#room.session) return
    this.#rest = /** @type {Alert[]} */ (found)
    this.#room.redraw(['alerts'])
  }

  /** @param {Moment} now */
  #drawBlind (now) {
    const spots = now.head?.state === 'live' && !this.#room.preparing ? blindSpots(this.#room.topic('rules'), this.#room.topic('sources').values(), this.#room.topic('skus'), now.nowMs, now.zone) : []
    fillBlind(find(document, '#blind'), spots)
  }

  #drawStrip () {
    const room = this.#room
    const alert = room.preparing ? null : loudest(room.topic('alerts').values())
    const fixable = alert && proposal(alert) === 'correct' && ![...room.topic('prompts').values()].some((prompt) => prompt.alert === alert.id)
    room.shell.setStrip(alert && { alert, room: room.room.name, nowMs: room.moment().nowMs, fix: fixable ? { text: t('console.alert.correct') } : null, open: '#alerts' })
  }

  /** The row of what was chosen in the lane or on a chart, brought into view inside its list. */
  #showChosen () {
    const { chosen } = this.#room
    for (const row of this.#list.children) {
      const on = chosen?.kind === 'alert' && /** @type {HTMLElement} */ (row).dataset.key === chosen.id
      if (on && !row.hasAttribute('data-on') && !row.matches(':hover, :focus-within')) this.#reveal(/** @type {HTMLElement} */ (row))
      attr(row, 'data-on', on ? '' : null)
    }
  }

  /** @param {HTMLElement} row */
  #reveal (row) {
    const top = row.offsetTop - this.#list.offsetTop
    if (top < this.#list.scrollTop) this.#list.scrollTop = top
    else if (top + row.offsetHeight > this.#list.scrollTop + this.#list.clientHeight) this.#list.scrollTop = top + row.offsetHeight - this.#list.clientHeight
  }

  /** @param {Alert} alert @param {HTMLButtonElement | null} button @param {'ack' | 'unack'} what */
  async #acknowledge (alert, button, what) {
    const { shell } = this.#room
    if (this.#busy.has(alert.id) || !shell.acts) return
    this.#busy.add(alert.id)
    if (what === 'ack') this.#ackedHere.add(alert.id) // the board may drop it before the answer is here
    const answer = await shell.command(button, this.#room.api(`/alerts/${encodeURIComponent(alert.id)}/${what}`), { expects: alert.version }, () => {
      const undo = { text: t('common.undo'), act: () => { const now = this.#find(alert.id); if (now) this.#acknowledge(now, null, 'unack') } }
      shell.say(t(what === 'ack' ? 'console.acked' : 'console.unacked'), what === 'ack' ? undo : null)
    })
    this.#busy.delete(alert.id)
    if (!answer.ok) this.#notHere(alert.id)
    if (this.#rest !== null) this.#loadRest()
    this.#room.redraw(['alerts'])
  }

  /** @param {string} id  whose acknowledgement from here was refused: if it has left the board, somebody else's did it */
  #notHere (id) {
    const past = this.#past.get(id)
    if (this.#ackedHere.delete(id) && past?.acked_by === this.#room.boot.me.name) this.#past = new Map(this.#past).set(id, { ...past, acked_by: '' })
  }

  /** @param {string} id @returns {Alert | undefined} */
  #find (id) {
    return this.#room.topic('alerts').get(id) ?? this.#rest?.find((alert) => alert.id === id)
  }

  #wire () {
    const room = this.#room
    this.#list.addEventListener('click', (event) => {
      const alert = this.#find(pressed(event, '.alert')?.dataset.key ?? '')
      const button = pressed(event, 'button')
      if (!alert || !button) return
      if (button.matches('.alert-ack')) this.#acknowledge(alert, button, 'ack')
      else if (button.matches('.alert-unack')) this.#acknowledge(alert, button, 'unack')
      else this.#host.sendDraft(alert, button)
    })
    for (const name of ['pointerover', 'focusin']) {
      this.#list.addEventListener(name, (event) => { const row = pressed(event, '.alert'); if (row) room.choose({ kind: 'alert', id: row.dataset.key ?? '' }) })
    }
    for (const name of ['pointerleave', 'focusout']) this.#list.addEventListener(name, () => room.choose(null))
    find(document, '#alerts-more').addEventListener('click', () => {
      if (this.#rest === null) this.#loadRest()
      else { this.#rest = null; room.redraw(['alerts']) }
    })
    const loud = () => loudest(room.topic('alerts').values())
    room.shell.onAck = () => { const alert = loud(); if (alert && !room.preparing) this.#acknowledge(alert, find(document, '#strip-ack'), 'ack') }
    room.shell.onFix = () => { const alert = loud(); if (alert && !room.preparing) this.#host.sendDraft(alert, find(document, '#strip-fix')) }
  }
}
