/**
 * One chart of the console on uPlot: curves of a history, and what is drawn around them.
 *
 * What it is handed is a model and the history it names keys of. It folds the seconds of a history into about two points a
 * pixel and hands uPlot the same arrays again and again, so that a redraw of a whole evening costs as much as one of ten
 * minutes and leaves no garbage.
 *
 * @import { History } from '../desk/history.js'
 * @import { UPlot, UPlotClass } from './library.js'
 * @import { Scene } from './scene.js'
 * @typedef {{ key: string, colour: string, dash: number[], factor: number }} Line  `colour`: a token
 * @typedef {Scene & {
 *   from: number, to: number, lines: readonly Line[], floor: number, ceilingOf: number,
 *   write: (value: number) => string, writeTime: (at: number) => string, label: string, said: string
 * }} PlotModel  `ceilingOf`: what must fit besides the curves; `label`, `said`: for those who cannot see it
 * @typedef {{ onCursor: (at: number | null) => void, onZoom: (range: { from: number, to: number } | null) => void, onAlarm: (id: string | null) => void }} PlotEvents
 */

import { attr, token } from '../views/dom.js'
import { drawAbove, drawBehind } from './scene.js'
import { TIME_STEPS_MS, scale, steps } from './scale.js'

const AXIS = 44
const TIME_AXIS = 18
const LEAST_ZOOM_MS = 30_000
const REACH = 9 // how near to an alert's sign the pointer must come
const NO_DATA_MS = 15_000
const BRIDGED_MS = 3_000 // a frame that came late leaves a second out: no gap yet
const JUMP = 10 // steps of the cursor at one press of a page key
const LABEL = 18 // half a time label: nearer to the left edge it would stand under the nought

export class Plot {
  /** @type {UPlot | null} */ #plot = null
  /** @type {PlotModel | null} */ #model = null
  /** @type {History | null} */ #history = null
  /** @type {number[]} */ #xs = []
  /** null: a gap; undefined: drawn over @type {(number | null | undefined)[][]} */ #ys = []
  /** @type {Float64Array} */ #first = new Float64Array(2_048)
  /** @type {Float64Array} */ #second = new Float64Array(2_048)
  /** @type {number | null} */ #cursor = null
  /** @type {number[]} */ #ticks = [0]
  /** @type {{ from: number, to: number }[]} */ #unknown = []
  /** Whether nothing at all is known of the view. */
  #empty = false
  #step = 1_000
  #made = ''
  #width = 0
  #height = 0
  #seen = false
  #quiet = false
  /** @type {string | null} */ #near = null
  #family = ''
  #library
  #box
  #events

  /** @param {UPlotClass} library @param {HTMLElement} box @param {PlotEvents} events */
  constructor (library, box, events) {
    this.#library = library
    this.#box = box
    this.#events = events
    new ResizeObserver(([entry]) => this.#resize(entry.contentRect)).observe(box)
    new IntersectionObserver(([entry]) => { this.#seen = entry.isIntersecting; this.draw() }).observe(box)
    box.addEventListener('keydown', (event) => this.#pressed(event))
    box.addEventListener('blur', () => events.onCursor(null))
  }

  /** @param {PlotModel} model @param {History} history */
  fill (model, history) {
    this.#model = model
    this.#history = history
    this.draw()
  }

  /** @param {number | null} at  the instant that all charts point at */
  point (at) {
    this.#cursor = at
    this.#place()
  }

  /** @param {DOMRectReadOnly} rect */
  #resize ({ width, height }) {
    this.#width = Math.round(width)
    this.#height = Math.round(height)
    if (this.#plot && this.#width > AXIS && this.#height > TIME_AXIS) this.#plot.setSize({ width: this.#width, height: this.#height })
    this.draw()
  }

  draw () {
    const model = this.#model
    const history = this.#history
    if (!model || !history || !this.#seen || document.hidden || this.#width < 2 * AXIS || this.#height < 2 * TIME_AXIS) return
    this.#say(model)
    const most = this.#fold(model, history)
    const { ceiling, ticks } = scale(Math.max(most, model.ceilingOf))
    this.#ticks = ticks
    const plot = this.#ready(model)
    plot.batch(() => {
      plot.setData(/** @type {any} */ ([this.#xs, ...this.#ys]), false)
      plot.setScale('x', { min: model.from, max: model.to })
      plot.setScale('y', { min: model.floor, max: ceiling })
    })
    this.#place()
  }

  /** @param {PlotModel} model */
  #say (model) {
    attr(this.#box, 'aria-label', model.label)
    attr(this.#box, 'aria-valuetext', model.said)
    attr(this.#box, 'aria-valuemin', model.from)
    attr(this.#box, 'aria-valuemax', model.to)
    attr(this.#box, 'aria-valuenow', Math.round(this.#cursor ?? model.to))
  }

  /** @param {PlotModel} model @param {History} history @returns {number} the highest value on the curves */
  #fold (model, history) {
    const { from, step, count } = steps(model.from, Math.min(model.to, model.nowMs), this.#width - AXIS)
    this.#step = step
    if (this.#first.length < count) { this.#first = new Float64Array(2 * count); this.#second = new Float64Array(2 * count) }
    const twice = step > 1_000
    const length = twice ? 2 * count : count
    this.#xs.length = length
    for (let i = 0; i < count; i++) {
      if (twice) { this.#xs[2 * i] = from + i * step; this.#xs[2 * i + 1] = from + i * step + step / 2 } else this.#xs[i] = from + i * step
    }
    this.#ys.length = model.lines.length
    let most = 0
    model.lines.forEach((line, n) => {
      const ys = (this.#ys[n] ??= [])
      ys.length = length
      most = Math.max(most, history.fold(line.key, from, step, count, this.#first, this.#second) * line.factor)
      for (let i = 0; i < count; i++) {
        const first = this.#first[i]
        const known = first === first
        if (!twice) ys[i] = known ? first * line.factor : null
        else { ys[2 * i] = known ? first * line.factor : null; ys[2 * i + 1] = known ? this.#second[i] * line.factor : null }
      }
      bridge(ys, Math.floor(BRIDGED_MS / step) * (twice ? 2 : 1))
      if (n === 0) this.#findUnknown(model, from, step, count)
    })
    return most
  }

  /** Where the first curve has nothing, from its first value on. @param {PlotModel} model @param {number} from @param {number} step @param {number} count */
  #findUnknown (model, from, step, count) {
    this.#unknown.length = 0
    let began = -1
    let known = false
    for (let i = 0; i <= count; i++) {
      const missing = i < count && this.#first[i] !== this.#first[i] && from + i * step >= model.loadedFrom
      if (!missing && began >= 0) {
        const to = Math.min(model.nowMs, from + i * step)
        if (known && to - (from + began * step) >= Math.max(NO_DATA_MS, 2 * step)) this.#unknown.push({ from: from + began * step, to })
        began = -1
      } else if (missing && began < 0) began = i
      if (i < count && this.#first[i] === this.#first[i]) known = true
    }
    this.#empty = !known && model.from >= model.loadedFrom
  }

  /** @param {PlotModel} model @returns {UPlot} made anew when it has other curves */
  #ready (model) {
    const made = model.lines.map((line) => `${line.colour} ${line.dash}`).join('|')
    if (this.#plot && this.#made === made) return this.#plot
    this.#plot?.destroy()
    this.#made = made
    this.#family ||= getComputedStyle(document.body).fontFamily
    const Library = this.#library
    this.#plot = new Library(this.#options(model), /** @type {any} */ ([this.#xs, ...this.#ys]), this.#box)
    this.#plot.ctx.canvas.setAttribute('aria-hidden', 'true') // the box around it says what it shows
    return this.#plot
  }

  /** @param {PlotModel} model @returns {import('uplot').Options} */
  #options (model) {
    const scene = (/** @type {UPlot} */ plot) => ({ plot, ratio: this.#library.pxRatio, family: this.#family })
    const now = () => /** @type {PlotModel} */ (this.#model)
    return {
      width: this.#width,
      height: this.#height,
      ms: 1,
      padding: [8, 10, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { size: 7, width: 0 }, drag: { x: true, y: false, setScale: false, dist: 8 }, bind: { dblclick: () => () => { this.#events.onZoom(null); return null } } },
      scales: { x: { time: false, auto: false }, y: { auto: false } },
      axes: [
        { scale: 'x', size: TIME_AXIS, gap: 2, space: 56, incrs: TIME_STEPS_MS, font: `12px ${this.#family}`, stroke: () => token('--text-3'), grid: { show: false }, ticks: { show: false }, values: (plot, splits) => splits.map((at) => (clear(plot, at) ? now().writeTime(at) : '')) },
        { scale: 'y', size: AXIS, gap: 6, font: `14px ${this.#family}`, stroke: () => token('--text-3'), grid: { stroke: () => token('--line'), width: 1 }, ticks: { show: false }, splits: () => this.#ticks, values: (_, splits) => splits.map((value) => now().write(value)) }
      ],
      series: [{}, ...model.lines.map((line) => ({ scale: 'y', auto: false, stroke: () => token(line.colour), width: 2, dash: line.dash, points: { show: false } }))],
      hooks: {
        drawAxes: [(plot) => drawBehind(scene(plot), now(), this.#unknown, this.#empty)],
        draw: [(plot) => drawAbove(scene(plot), now(), this.#xs, this.#ys[0] ?? [])],
        setCursor: [(plot) => this.#moved(plot)],
        setSelect: [(plot) => this.#selected(plot)]
      }
    }
  }

  /** @param {UPlot} plot  the pointer moved over it, or left it */
  #moved (plot) {
    if (this.#quiet) return
    const { left = -1, top = -1 } = plot.cursor
    const at = left < 0 ? null : plot.posToVal(left, 'x')
    this.#events.onCursor(at)
    const near = at === null || top < plot.over.clientHeight - 3 * REACH ? null : this.#alarmAt(plot, left)
    if (near !== this.#near) this.#events.onAlarm(this.#near = near)
  }

  /** @param {UPlot} plot @param {number} left @returns {string | null} */
  #alarmAt (plot, left) {
    let best = null
    let distance = REACH
    for (const alarm of this.#model?.alarms ?? []) {
      const away = Math.abs(plot.valToPos(alarm.at, 'x') - left)
      if (away < distance) { best = alarm.id; distance = away }
    }
    return best
  }

  /** @param {UPlot} plot  a stretch was drawn over it */
  #selected (plot) {
    const { left, width } = plot.select
    if (width < 4) return
    const from = plot.posToVal(left, 'x')
    const to = plot.posToVal(left + width, 'x')
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
    if (to - from >= LEAST_ZOOM_MS) this.#events.onZoom({ from, to })
  }

  #place () {
    const plot = this.#plot
    const model = this.#model
    if (!plot || !model) return
    const at = this.#cursor
    const outside = at === null || at < model.from || at > model.to
    this.#quiet = true
    plot.setCursor({ left: outside ? -10 : plot.valToPos(at, 'x'), top: outside ? -10 : 0 }, false)
    this.#quiet = false
  }

  /** @param {KeyboardEvent} event  arrows move the cursor, + and − zoom around it, Escape goes back to now */
  #pressed (event) {
    const model = this.#model
    if (!model || event.ctrlKey || event.altKey || event.metaKey) return
    const end = Math.min(model.to, model.nowMs)
    const at = this.#cursor ?? end
    const by = { ArrowLeft: -1, ArrowRight: 1, PageDown: -JUMP, PageUp: JUMP }[event.key]
    if (by !== undefined) this.#events.onCursor(Math.min(end, Math.max(model.from, at + by * Math.max(this.#step, 1_000))))
    else if (event.key === 'Home') this.#events.onCursor(model.from)
    else if (event.key === 'End') this.#events.onCursor(end)
    else if (event.key === '+' || event.key === '=') this.#zoom(at, 0.5)
    else if (event.key === '-') this.#zoom(at, 2)
    else if (event.key === 'Escape') { this.#events.onZoom(null); this.#events.onCursor(null) } else return
    event.preventDefault()
    event.stopPropagation()
  }

  /** @param {number} at  stays where it is @param {number} by */
  #zoom (at, by) {
    const model = /** @type {PlotModel} */ (this.#model)
    const from = at - (at - model.from) * by
    const to = at + (model.to - at) * by
    if (to - from >= LEAST_ZOOM_MS) this.#events.onZoom({ from, to })
  }
}

/** @param {(number | null | undefined)[]} ys @param {number} most  missing points in a row that are drawn over */
function bridge (ys, most) {
  let last = -1
  for (let i = 0; i < ys.length; i++) {
    if (ys[i] == null) continue
    if (last >= 0 && i - last - 1 <= most) for (let hole = last + 1; hole < i; hole++) ys[hole] = undefined
    last = i
  }
}

/** @param {UPlot} plot @param {number} at @returns {boolean} whether a time label has room beside the value axis */
function clear (plot, at) {
  const x = plot.valToPos(at, 'x')
  return x > LABEL && x < plot.over.clientWidth - 4
}
