/**
 * A line chart over time on one canvas: gaps stay gaps, the rundown and alerts are marked, a limit and a forecast drawn.
 *
 * Every pixel column gets the lowest and highest second that falls into it, so a whole evening costs as much as a minute.
 *
 * @import { Span } from '../desk/history.js'
 * @typedef {{ span: Span, colour: string, dash?: number[], fill?: boolean }} Line
 * @typedef {{ rank: number, from: { at: number, value: number }, to: { at: number, value: number }, endAt: number | null, nowText: string, outText: string, endText: string }} ForecastModel
 * @typedef {{
 *   from: number, to: number, ceiling: number, ticks: readonly number[], write: (value: number) => string,
 *   writeTime: (at: number) => string, lines: readonly Line[],
 *   limit?: { value: number, text: string, below: boolean } | null,
 *   marks: readonly { at: number, text: string }[], alarms: readonly { at: number, rank: number }[],
 *   gaps: readonly { from: number, to: number, text: string, short: string }[], forecast?: ForecastModel | null, cursor: number | null
 * }} ChartModel
 */

import { Surface } from './canvas.js'
import { token } from './dom.js'

const LEFT = 46
const RIGHT = 12
const TOP = 20
const BOTTOM = 20
const STEPS_MS = [10_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000, 3_600_000, 7_200_000]

/** @param {number} from @param {number} to @param {number} most @returns {number} distance of time labels */
function timeStep (from, to, most) {
  return STEPS_MS.find((step) => (to - from) / step <= most) ?? STEPS_MS[STEPS_MS.length - 1]
}

/**
 * @param {number} highest
 * @returns {{ ceiling: number, ticks: number[] }}  round numbers, three or four lines
 */
export function scale (highest) {
  if (!(highest > 0)) return { ceiling: 1, ticks: [0] }
  const power = 10 ** Math.floor(Math.log10(highest))
  const step = [0.1, 0.2, 0.25, 0.5, 1, 2, 2.5, 5].map((m) => m * power).find((s) => highest / s <= 3.6) ?? power * 5
  const ticks = []
  for (let n = 0; n * step < highest * 1.02 || ticks.length < 2; n++) ticks.push(Number((n * step).toPrecision(12)))
  const top = ticks[ticks.length - 1]
  return { ceiling: top >= highest ? top : Math.max(top, highest * 1.08), ticks }
}

export class Chart {
  /** @type {ChartModel | null} */ #model = null
  #surface
  #family = ''

  /** @param {HTMLCanvasElement} canvas @param {(at: number | null) => void} onCursor  the instant under the pointer */
  constructor (canvas, onCursor) {
    this.#surface = new Surface(canvas, () => this.#draw())
    canvas.addEventListener('pointermove', (event) => onCursor(this.#instant(event.offsetX)))
    canvas.addEventListener('pointerleave', () => onCursor(null))
  }

  /** @param {ChartModel} model */
  fill (model) {
    this.#model = model
    this.#draw()
  }

  /** @param {number} x @returns {number | null} */
  #instant (x) {
    const model = this.#model
    const width = this.#surface.width - LEFT - RIGHT
    if (!model || x < LEFT || x > LEFT + width) return null
    return model.from + (x - LEFT) / width * (model.to - model.from)
  }

  #draw () {
    const { pen, width, height } = this.#surface
    const model = this.#model
    if (!model || !this.#surface.cleared()) return
    this.#family ||= getComputedStyle(document.body).fontFamily
    const right = width - RIGHT
    const floor = height - BOTTOM
    /** @type {Frame} */
    const frame = {
      pen, right, floor, width,
      family: this.#family,
      x: (at) => LEFT + (at - model.from) / Math.max(1, model.to - model.from) * (right - LEFT),
      y: (value) => TOP + (1 - value / model.ceiling) * (floor - TOP)
    }
    drawGrid(frame, model)
    drawGaps(frame, model)
    drawMarks(frame, model)
    if (model.limit) drawLimit(frame, model, model.limit)
    for (const line of model.lines) drawLine(frame, model, line)
    if (model.forecast) drawForecast(frame, model.forecast)
    for (const alarm of model.alarms) drawAlarm(frame, model, alarm)
    if (model.cursor !== null) drawCursor(frame, model, model.cursor)
  }
}

/** @typedef {{ pen: CanvasRenderingContext2D, right: number, floor: number, width: number, family: string, x: (at: number) => number, y: (value: number) => number }} Frame */

/** @param {Frame} frame @param {string} text @param {number} x @param {number} y @param {string} colour @param {CanvasTextAlign} align @param {number} [size] */
function write (frame, text, x, y, colour, align, size = 12) {
  frame.pen.fillStyle = token(colour)
  frame.pen.font = `${size}px ${frame.family}`
  frame.pen.textAlign = align
  frame.pen.fillText(text, x, y)
}

/** @param {Frame} frame @param {number} x @param {number} y1 @param {number} y2 */
function upright (frame, x, y1, y2) {
  const at = Math.round(x) + 0.5
  frame.pen.beginPath()
  frame.pen.moveTo(at, y1)
  frame.pen.lineTo(at, y2)
  frame.pen.stroke()
}

/** @param {Frame} frame @param {ChartModel} model */
function drawGrid (frame, model) {
  const { pen } = frame
  pen.lineWidth = 1
  pen.setLineDash([])
  pen.strokeStyle = token('--line')
  for (const tick of model.ticks) {
    const y = Math.round(frame.y(tick)) + 0.5
    if (y < TOP - 2) continue
    pen.beginPath()
    pen.moveTo(LEFT, y)
    pen.lineTo(frame.right, y)
    pen.stroke()
    const text = model.write(tick)
    write(frame, text, LEFT - 6, y + 4, '--text-3', 'right', /[^\x00-\x7f−]/.test(text) ? 14 : 12)
  }
  const step = timeStep(model.from, model.to, Math.max(2, Math.floor((frame.right - LEFT) / 60)))
  for (let at = Math.ceil(model.from / step) * step; at <= model.to; at += step) {
    const x = frame.x(at)
    if (x > LEFT - 4 && x < frame.right - 8) write(frame, model.writeTime(at), x, frame.floor + 16, '--text-3', 'center')
  }
}

/** @param {Frame} frame @param {ChartModel} model */
function drawGaps (frame, model) {
  const { pen } = frame
  for (const gap of model.gaps) {
    const from = Math.max(LEFT, frame.x(gap.from))
    const to = Math.min(frame.right, frame.x(gap.to))
    if (to <= from) continue
    pen.save()
    pen.beginPath()
    pen.rect(from, TOP, Math.max(2, to - from), frame.floor - TOP)
    pen.clip()
    pen.strokeStyle = token('--text-3')
    pen.globalAlpha = 0.4
    for (let x = from - frame.floor; x < to; x += 6) {
      pen.beginPath()
      pen.moveTo(x, frame.floor)
      pen.lineTo(x + frame.floor - TOP, TOP)
      pen.stroke()
    }
    pen.restore()
    pen.font = `14px ${frame.family}`
    const text = [gap.text, gap.short].find((words) => pen.measureText(words).width < to - from - 4)
    if (text) write(frame, text, (from + to) / 2, frame.floor - 8, '--text-2', 'center', 14)
  }
}

/** @param {Frame} frame @param {ChartModel} model */
function drawMarks (frame, model) {
  const { pen } = frame
  let free = LEFT - 8
  pen.strokeStyle = token('--text-3')
  const stop = model.forecast ? frame.x(model.forecast.from.at) - 4 : frame.right
  model.marks.forEach((mark, i) => {
    const x = frame.x(mark.at)
    if (x < LEFT - 1 || x > frame.right) return
    pen.globalAlpha = 0.6
    upright(frame, x, TOP - 6, frame.floor)
    pen.globalAlpha = 1
    pen.font = `14px ${frame.family}`
    const next = model.marks[i + 1] ? frame.x(model.marks[i + 1].at) : frame.right
    const width = pen.measureText(mark.text).width
    if (x < free || x + 4 + width > Math.min(next, stop)) return
    write(frame, mark.text, x + 4, TOP - 6, '--text-3', 'left', 14)
    free = x + 8 + width
  })
}

/** @param {Frame} frame @param {ChartModel} model @param {NonNullable<ChartModel['limit']>} limit */
function drawLimit (frame, model, limit) {
  const { pen } = frame
  const y = frame.y(limit.value)
  const line = model.lines[0]
  if (line) {
    pen.save()
    pen.fillStyle = token('--p2')
    pen.globalAlpha = 0.16
    const { from, step, values } = line.span
    for (let px = LEFT; px < frame.right; px += 2) {
      const i = Math.round((model.from + (px - LEFT) / (frame.right - LEFT) * (model.to - model.from) - from) / step)
      const value = values[i]
      if (value !== undefined && (limit.below ? value < limit.value : value > limit.value)) pen.fillRect(px, Math.min(y, frame.y(value)), 2, Math.abs(frame.y(value) - y))
    }
    pen.restore()
  }
  pen.strokeStyle = token('--p2')
  pen.setLineDash([6, 4])
  pen.beginPath()
  pen.moveTo(LEFT, y)
  pen.lineTo(frame.right, y)
  pen.stroke()
  pen.setLineDash([])
  write(frame, limit.text, LEFT + 4, y - 5, '--p2', 'left')
}

/** @param {Frame} frame @param {ChartModel} model @param {Line} line */
function drawLine (frame, model, line) {
  const { pen } = frame
  const { from, step, values } = line.span
  pen.save()
  pen.beginPath()
  pen.rect(LEFT, TOP - 4, frame.right - LEFT + 1, frame.floor - TOP + 6)
  pen.clip()
  pen.strokeStyle = token(line.colour)
  pen.lineWidth = 2
  pen.lineJoin = 'round'
  pen.setLineDash(line.dash ?? [])
  pen.beginPath()
  let column = NaN
  let low = 0
  let high = 0
  let last = 0
  let down = false
  const flush = () => {
    if (Number.isNaN(column)) return
    const x = column
    if (!down) pen.moveTo(x, frame.y(low))
    else pen.lineTo(x, frame.y(low))
    if (high !== low) pen.lineTo(x, frame.y(high))
    if (last !== high) pen.lineTo(x, frame.y(last))
    down = true
    column = NaN
  }
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (Number.isNaN(value)) { flush(); down = false; continue }
    const x = Math.round(frame.x(from + i * step))
    if (x !== column) {
      flush()
      column = x
      low = high = value
    }
    if (value < low) low = value
    if (value > high) high = value
    last = value
  }
  flush()
  pen.stroke()
  pen.restore()
}

/** @param {Frame} frame @param {ForecastModel} forecast */
function drawForecast (frame, forecast) {
  const { pen } = frame
  const colour = forecast.rank === 1 ? '--p1' : forecast.rank === 2 ? '--p2' : '--text-2' // only an open alert colours it
  const x0 = frame.x(forecast.from.at)
  const x1 = frame.x(forecast.to.at)
  const end = forecast.endAt === null ? null : frame.x(forecast.endAt)
  if (end !== null && end > x1) {
    pen.fillStyle = token(colour)
    pen.globalAlpha = 0.14
    pen.fillRect(x1, TOP, Math.min(end, frame.right) - x1, frame.floor - TOP)
    pen.globalAlpha = 1
  }
  pen.strokeStyle = token('--text')
  upright(frame, x0, TOP - 6, frame.floor)
  pen.strokeStyle = token(colour)
  pen.lineWidth = 2
  pen.setLineDash([2, 4])
  pen.beginPath()
  pen.moveTo(x0, frame.y(forecast.from.value))
  pen.lineTo(x1, frame.y(forecast.to.value))
  pen.stroke()
  pen.setLineDash([])
  pen.lineWidth = 1
  pen.fillStyle = token(colour)
  pen.beginPath()
  pen.arc(x1, frame.y(forecast.to.value), 4, 0, 7)
  pen.fill()
  if (frame.width < 300) return
  write(frame, forecast.nowText, x0 + 4, TOP - 6, '--text', 'left', 14)
  pen.font = `14px ${frame.family}`
  if (end !== null && end <= frame.right + 1) {
    pen.strokeStyle = token('--text-3')
    upright(frame, end, TOP - 6, frame.floor)
    if (end - x0 > pen.measureText(forecast.nowText + forecast.endText).width + 20) write(frame, forecast.endText, end - 4, TOP - 6, '--text-3', 'right', 14)
  }
  const width = pen.measureText(forecast.outText).width
  const outX = Math.min(frame.right - 4, Math.max(x0 + 8 + width, x1 + 4 + width))
  write(frame, forecast.outText, outX, TOP + 14, colour, 'right', 14)
}

/** @param {Frame} frame @param {ChartModel} model @param {{ at: number, rank: number }} alarm */
function drawAlarm (frame, model, alarm) {
  const { pen } = frame
  const x = frame.x(alarm.at)
  if (x < LEFT || x > frame.right || alarm.rank > 3) return
  pen.fillStyle = token(`--p${alarm.rank}-fill`)
  pen.beginPath()
  if (alarm.rank === 1) for (let i = 0; i < 8; i++) pen.lineTo(x + 7 * Math.cos((i + 0.5) * Math.PI / 4), frame.floor - 8 + 7 * Math.sin((i + 0.5) * Math.PI / 4))
  else if (alarm.rank === 2) for (const [dx, dy] of [[0, -13], [7, -1], [-7, -1]]) pen.lineTo(x + dx, frame.floor + dy)
  else pen.rect(x - 5, frame.floor - 12, 10, 10)
  pen.fill()
}

/** @param {Frame} frame @param {ChartModel} model @param {number} at */
function drawCursor (frame, model, at) {
  const x = frame.x(at)
  if (x < LEFT || x > frame.right) return
  const { pen } = frame
  pen.strokeStyle = token('--text-2')
  pen.setLineDash([3, 3])
  upright(frame, x, TOP, frame.floor)
  pen.setLineDash([])
  for (const line of model.lines) {
    const value = line.span.values[Math.round((at - line.span.from) / line.span.step)]
    if (value === undefined || Number.isNaN(value)) continue
    pen.fillStyle = token(line.colour)
    pen.beginPath()
    pen.arc(x, frame.y(value), 3.5, 0, 7)
    pen.fill()
  }
}
