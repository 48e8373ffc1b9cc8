/**
 * What is drawn around the curves of a chart, in uPlot's own coordinates: stretches without data, where segments began,
 * a rule's line and where it was crossed, what is expected, alerts, and what is chosen in a list.
 *
 * @import { UPlot } from './library.js'
 * @typedef {{ id: string, at: number, to: number | null, rank: number }} Alarm
 * @typedef {{ rank: number, from: { at: number, value: number }, to: { at: number, value: number }, endAt: number | null, nowText: string, outText: string, endText: string }} Forecast
 * @typedef {{
 *   nowMs: number, loadedFrom: number, gaps: readonly { from: number, to: number, text: string, short: string }[], unknownText: string,
 *   marks: readonly number[], alarms: readonly Alarm[], limit: { value: number, text: string, below: boolean } | null,
 *   forecast: Forecast | null, chosen: { from: number, to: number | null } | null
 * }} Scene  `loadedFrom`: what is older is not known to be missing
 * @typedef {{ plot: UPlot, ratio: number, family: string }} Stage
 */

import { token } from '../views/dom.js'

const HATCH = 6

/** @param {Stage} stage @returns {{ pen: CanvasRenderingContext2D, left: number, right: number, top: number, floor: number, px: number, x: (at: number) => number, y: (value: number) => number }} */
function frame ({ plot, ratio }) {
  const { left, top, width, height } = plot.bbox
  return { pen: plot.ctx, left, right: left + width, top, floor: top + height, px: ratio, x: (at) => plot.valToPos(at, 'x', true), y: (value) => plot.valToPos(value, 'y', true) }
}

/** @typedef {ReturnType<typeof frame>} Frame */

/** @param {Frame} f @param {Stage} stage @param {string} text @param {number} x @param {number} y @param {string} colour @param {CanvasTextAlign} align */
function write (f, stage, text, x, y, colour, align) {
  f.pen.fillStyle = token(colour)
  f.pen.font = `${14 * f.px}px ${stage.family}`
  f.pen.textAlign = align
  f.pen.textBaseline = 'alphabetic'
  f.pen.fillText(text, x, y)
}

/** @param {Frame} f @param {number} x */
function upright (f, x) {
  const at = Math.round(x) + 0.5
  f.pen.beginPath()
  f.pen.moveTo(at, f.top)
  f.pen.lineTo(at, f.floor)
  f.pen.stroke()
}

/** @param {Frame} f @param {() => void} draw  inside the plot, leaving the pen as it was */
function within (f, draw) {
  f.pen.save()
  f.pen.beginPath()
  f.pen.rect(f.left, f.top, f.right - f.left, f.floor - f.top)
  f.pen.clip()
  draw()
  f.pen.restore()
}

/** @param {Stage} stage @param {Scene} scene @param {readonly { from: number, to: number }[]} unknown @param {boolean} empty  nothing is known at all */
export function drawBehind (stage, scene, unknown, empty) {
  const f = frame(stage)
  within(f, () => {
    if (scene.chosen) drawChosen(f, scene, scene.chosen)
    for (const stretch of unknown) {
      if (!scene.gaps.some((gap) => gap.from <= stretch.from + 2_000 && gap.to >= stretch.to - 2_000)) hatch(f, stage, stretch.from, stretch.to, [scene.unknownText])
    }
    for (const gap of scene.gaps) hatch(f, stage, gap.from, gap.to, [gap.text, gap.short])
    if (empty) write(f, stage, scene.unknownText, (f.left + f.right) / 2, (f.top + f.floor) / 2, '--text-3', 'center')
    f.pen.lineWidth = f.px
    f.pen.strokeStyle = token('--text-3')
    f.pen.globalAlpha = 0.45
    for (const at of scene.marks) upright(f, f.x(at))
  })
}

/** @param {Frame} f @param {Scene} scene @param {{ from: number, to: number | null }} chosen  in a list or in the lane */
function drawChosen (f, scene, chosen) {
  const from = f.x(chosen.from)
  const to = Math.max(from + 2 * f.px, f.x(chosen.to ?? scene.nowMs))
  f.pen.fillStyle = token('--accent')
  f.pen.globalAlpha = 0.14
  f.pen.fillRect(from, f.top, to - from, f.floor - f.top)
  f.pen.globalAlpha = 1
  f.pen.strokeStyle = token('--accent')
  f.pen.lineWidth = 2 * f.px
  upright(f, from)
}

/** @param {Frame} f @param {Stage} stage @param {number} fromMs @param {number} toMs @param {readonly string[]} texts  the longest that fits */
function hatch (f, stage, fromMs, toMs, texts) {
  const { pen } = f
  const from = Math.max(f.left, f.x(fromMs))
  const to = Math.min(f.right, f.x(toMs))
  if (to <= from) return
  pen.save()
  pen.beginPath()
  pen.rect(from, f.top, Math.max(2 * f.px, to - from), f.floor - f.top)
  pen.clip()
  pen.strokeStyle = token('--text-3')
  pen.lineWidth = f.px
  pen.globalAlpha = 0.4
  pen.beginPath()
  for (let x = from - (f.floor - f.top); x < to; x += HATCH * f.px) {
    pen.moveTo(x, f.floor)
    pen.lineTo(x + f.floor - f.top, f.top)
  }
  pen.stroke()
  pen.restore()
  pen.font = `${14 * f.px}px ${stage.family}`
  const text = texts.find((words) => pen.measureText(words).width < to - from - 4 * f.px)
  if (text) write(f, stage, text, (from + to) / 2, f.floor - 8 * f.px, '--text-2', 'center')
}

/** @param {Stage} stage @param {Scene} scene @param {readonly number[]} xs @param {readonly (number | null | undefined)[]} ys  of the first curve */
export function drawAbove (stage, scene, xs, ys) {
  const f = frame(stage)
  within(f, () => {
    if (scene.limit) drawLimit(f, stage, scene.limit, xs, ys)
    if (scene.forecast) drawForecast(f, stage, scene.forecast)
  })
  for (const alarm of scene.alarms) drawAlarm(f, alarm) // the newest may stand over the edge
}

/** @param {Frame} f @param {Stage} stage @param {{ value: number, text: string, below: boolean }} limit @param {readonly number[]} xs @param {readonly (number | null | undefined)[]} ys */
function drawLimit (f, stage, limit, xs, ys) {
  const { pen } = f
  const y = f.y(limit.value)
  pen.fillStyle = token('--p2')
  pen.globalAlpha = 0.16
  for (let i = 0; i + 1 < xs.length; i++) {
    const value = ys[i]
    if (value === null || value === undefined || (limit.below ? value >= limit.value : value <= limit.value)) continue
    const x = f.x(xs[i])
    const to = f.y(value)
    pen.fillRect(x, Math.min(y, to), Math.max(1, f.x(xs[i + 1]) - x), Math.abs(to - y))
  }
  pen.globalAlpha = 1
  pen.strokeStyle = token('--p2')
  pen.lineWidth = f.px
  pen.setLineDash([6 * f.px, 4 * f.px])
  pen.beginPath()
  pen.moveTo(f.left, y)
  pen.lineTo(f.right, y)
  pen.stroke()
  pen.setLineDash([])
  const base = y - 4 * f.px < f.top + 14 * f.px ? y + 15 * f.px : y - 4 * f.px
  pen.font = `${14 * f.px}px ${stage.family}`
  pen.fillStyle = token('--bg1') // behind its label no curve is read
  pen.globalAlpha = 0.75
  pen.fillRect(f.left + 2 * f.px, base - 13 * f.px, pen.measureText(limit.text).width + 4 * f.px, 16 * f.px)
  pen.globalAlpha = 1
  write(f, stage, limit.text, f.left + 4 * f.px, base, '--p2', 'left')
}

/** @param {Frame} f @param {Stage} stage @param {Forecast} forecast */
function drawForecast (f, stage, forecast) {
  const { pen, px } = f
  const colour = forecast.rank === 1 ? '--p1' : forecast.rank === 2 ? '--p2' : '--text-2' // only an open alert colours it
  const x0 = f.x(forecast.from.at)
  const x1 = f.x(forecast.to.at)
  const end = forecast.endAt === null ? null : f.x(forecast.endAt)
  if (end !== null && end > x1) {
    pen.fillStyle = token(colour)
    pen.globalAlpha = 0.14
    pen.fillRect(x1, f.top, Math.min(end, f.right) - x1, f.floor - f.top)
    pen.globalAlpha = 1
  }
  pen.strokeStyle = token('--text')
  pen.lineWidth = px
  upright(f, x0)
  pen.strokeStyle = token(colour)
  pen.lineWidth = 2 * px
  pen.setLineDash([2 * px, 4 * px])
  pen.beginPath()
  pen.moveTo(x0, f.y(forecast.from.value))
  pen.lineTo(x1, f.y(forecast.to.value))
  pen.stroke()
  pen.setLineDash([])
  pen.fillStyle = token(colour)
  pen.beginPath()
  pen.arc(x1, f.y(forecast.to.value) - 4 * px, 4 * px, 0, 7)
  pen.fill()
  pen.font = `${14 * px}px ${stage.family}`
  const room = f.right - 4 * px - (x0 + 6 * px)
  const line = f.top + 14 * px
  const wide = pen.measureText(forecast.outText).width
  if (wide < room) write(f, stage, forecast.outText, f.right - 4 * px, line, colour, 'right')
  if (end !== null && end <= f.right + 1 && pen.measureText(forecast.endText).width < room) write(f, stage, forecast.endText, f.right - 4 * px, line + 18 * px, '--text-3', 'right')
  if (pen.measureText(forecast.nowText).width + wide + 8 * px < room) write(f, stage, forecast.nowText, x0 + 4 * px, line, '--text', 'left')
}

/** @param {Frame} f @param {Alarm} alarm  where it began */
function drawAlarm (f, alarm) {
  const { pen, px } = f
  const x = f.x(alarm.at)
  if (x < f.left || x > f.right || alarm.rank > 3) return
  pen.fillStyle = token(`--p${alarm.rank}-fill`)
  pen.beginPath()
  if (alarm.rank === 1) for (let i = 0; i < 8; i++) pen.lineTo(x + 7 * px * Math.cos((i + 0.5) * Math.PI / 4), f.floor + px * (-8 + 7 * Math.sin((i + 0.5) * Math.PI / 4)))
  else if (alarm.rank === 2) for (const [dx, dy] of [[0, -13], [7, -1], [-7, -1]]) pen.lineTo(x + dx * px, f.floor + dy * px)
  else pen.rect(x - 5 * px, f.floor - 12 * px, 10 * px, 10 * px)
  pen.fill()
}
