/**
 * The lane above the charts: segments, alerts and prompts on the axis of time. One stop of the tab key; arrows go on.
 *
 * @import { Chosen, Mark, Stretch } from '../desk/timeline.js'
 * @typedef {{ from: number, to: number, nowMs: number, stretches: readonly Stretch[], alerts: readonly Mark[], prompts: readonly Mark[], chosen: Chosen | null }} LaneModel
 * @typedef {{ onChoose: (chosen: Chosen | null) => void, onOpen: (chosen: Chosen) => void }} LaneEvents
 */

import { clustered } from '../desk/timeline.js'
import { t } from '../words.js'
import { attr, find, keyed, put, show } from './dom.js'

const SIGN_PX = 24

export class Lane {
  /** @type {LaneModel | null} */ #model = null
  /** @type {Map<string, readonly Mark[]>} by the key of a sign */ #groups = new Map()
  /** The sign that the tab key comes to. */
  #stop = ''
  #width = 600
  #root
  #events

  /** @param {HTMLElement} root @param {LaneEvents} events */
  constructor (root, events) {
    this.#root = root
    this.#events = events
    new ResizeObserver(([entry]) => { this.#width = entry.contentRect.width }).observe(find(root, '.lane-tracks'))
    for (const name of ['pointerover', 'focusin']) root.addEventListener(name, (event) => this.#entered(event))
    for (const name of ['pointerleave', 'focusout']) root.addEventListener(name, () => this.#left())
    root.addEventListener('click', (event) => { const marks = this.#at(event.target); if (marks) events.onOpen(worst(marks).chosen) })
    root.addEventListener('keydown', (event) => this.#pressed(event))
  }

  /** @param {LaneModel} model */
  fill (model) {
    this.#model = model
    const place = (/** @type {number} */ at) => Math.min(1, Math.max(0, (at - model.from) / (model.to - model.from)))
    const inside = (/** @type {{ at: number, to: number | null }} */ mark) => (mark.to ?? model.nowMs) >= model.from && mark.at <= model.to
    keyed(find(this.#root, '.lane-segments'), 'stretch-row', model.stretches.filter((one) => (one.to ?? model.nowMs) > model.from && one.from < model.to), (one) => one.key, (row, one) => {
      put(row, one.text)
      attr(row, 'title', one.text)
      attr(row, 'data-draw', one.draw ? '' : null)
      attr(row, 'data-now', one.now ? '' : null)
      span(row, place(one.from), place(one.to ?? model.nowMs))
    })
    this.#groups.clear()
    const apart = (model.to - model.from) / Math.max(1, this.#width) * SIGN_PX
    for (const [name, marks] of /** @type {const} */ ([['.lane-alerts', model.alerts], ['.lane-prompts', model.prompts]])) {
      keyed(find(this.#root, name), 'mark-row', clustered(marks.filter(inside), apart), (group) => group[0].key, (row, group) => this.#fillSign(row, group, place))
    }
    if (!this.#groups.has(this.#stop)) this.#stop = [...this.#groups.keys()].at(-1) ?? ''
    for (const button of this.#signs()) attr(button, 'tabindex', button.dataset.key === this.#stop ? 0 : -1)
    this.#note()
  }

  /** @param {HTMLElement} row @param {readonly Mark[]} group @param {(at: number) => number} place */
  #fillSign (row, group, place) {
    const model = /** @type {LaneModel} */ (this.#model)
    const shown = worst(group)
    const key = group[0].key
    this.#groups.set(key, group)
    const on = group.some((mark) => mark.chosen.kind === model.chosen?.kind && mark.chosen.id === model.chosen?.id)
    attr(row, 'data-on', on ? '' : null)
    const bar = find(row, '.mark-bar')
    attr(bar, 'data-p', shown.rank || null)
    span(bar, place(group[0].at), place(Math.max(...group.map((mark) => mark.to ?? model.nowMs))))
    const button = find(row, '.mark-sign')
    button.dataset.key = key
    button.style.left = `${(place(group[0].at) * 100).toFixed(2)}%`
    attr(button, 'data-look', shown.look)
    attr(button, 'data-lasts', group.some((mark) => mark.to === null) ? '' : null)
    const pri = find(button, '.pri')
    show(pri, shown.rank > 0)
    attr(pri, 'data-p', shown.rank)
    put(find(button, '.mark-n'), group.length > 1 ? String(group.length) : '')
    const count = group.length > 1 ? `${group.length}: ` : '' // a name begins with what is seen
    attr(button, 'aria-label', count + group.map((mark) => [mark.rank > 0 ? `P${mark.rank}` : '', mark.state, mark.text, mark.also].filter(Boolean).join(' · ')).join('; '))
  }

  /** @param {number | null} at  what the charts' cursor points at */
  point (at) {
    const model = this.#model
    const line = find(this.#root, '.lane-cursor')
    show(line, at !== null && model !== null && at >= model.from && at <= model.to)
    if (at !== null && model) line.style.left = `${((at - model.from) / (model.to - model.from) * 100).toFixed(2)}%`
  }

  /** @returns {HTMLElement[]} */
  #signs () {
    return /** @type {HTMLElement[]} */ ([...this.#root.querySelectorAll('.mark-sign')])
  }

  /** @param {EventTarget | null} target @returns {readonly Mark[] | null} */
  #at (target) {
    const sign = target instanceof Element ? target.closest('.mark-sign') : null
    return sign instanceof HTMLElement ? this.#groups.get(sign.dataset.key ?? '') ?? null : null
  }

  /** @param {Event} event */
  #entered (event) {
    const marks = this.#at(event.target)
    if (marks) this.#events.onChoose(worst(marks).chosen)
    if (marks && event.type === 'focusin') this.#stop = marks[0].key
    this.#note()
  }

  #left () {
    this.#events.onChoose(null)
    show(find(this.#root, '.lane-note'), false)
  }

  /** What the sign under the pointer, or with the focus, says. */
  #note () {
    const note = find(this.#root, '.lane-note')
    const sign = this.#root.querySelector('.mark-sign:hover') ?? this.#root.querySelector('.mark-sign:focus-visible')
    const marks = this.#at(sign)
    show(note, marks !== null)
    if (!marks || !(sign instanceof HTMLElement)) return
    const mark = worst(marks)
    put(find(note, '.lane-what'), mark.text)
    put(find(note, '.lane-how'), [mark.state, mark.also, marks.length > 1 ? t('console.mark.more', { n: marks.length - 1 }) : ''].filter(Boolean).join(' · '))
    attr(note, 'data-end', parseFloat(sign.style.left) > 50 ? '' : null)
    note.style.setProperty('--at', sign.style.left)
  }

  /** @param {KeyboardEvent} event */
  #pressed (event) {
    const signs = this.#signs()
    const at = signs.indexOf(/** @type {HTMLElement} */ (document.activeElement))
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key]
    const jump = { Home: 0, End: signs.length - 1 }[event.key]
    if (at < 0 || (by === undefined && jump === undefined)) return
    event.preventDefault()
    signs[jump ?? (at + (by ?? 0) + signs.length) % signs.length].focus()
  }
}

/** @param {readonly Mark[]} marks @returns {Mark} that stands for all: the loudest, of these the newest */
function worst (marks) {
  return marks.reduce((best, mark) => (best.rank > 0 && mark.rank > best.rank ? best : mark))
}

/** @param {HTMLElement} element @param {number} from @param {number} to  shares of the track */
function span (element, from, to) {
  element.style.left = `${(from * 100).toFixed(2)}%`
  element.style.width = `${(Math.max(0, to - from) * 100).toFixed(2)}%`
}
