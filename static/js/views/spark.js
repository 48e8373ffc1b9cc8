/**
 * The small curve of a tile: no axes, a dot at now, a dashed line for its limit; unknown stretches stay empty.
 */

import { Surface } from './canvas.js'
import { token } from './dom.js'

/** @typedef {{ values: Float64Array, limit: number | null, colour: string }} SparkModel  `colour`: a token */

export class Spark {
  /** @type {SparkModel | null} */ #model = null
  #surface

  /** @param {HTMLCanvasElement} canvas */
  constructor (canvas) {
    this.#surface = new Surface(canvas, () => this.#draw())
  }

  /** @param {SparkModel} model */
  fill (model) {
    this.#model = model
    this.#draw()
  }

  #draw () {
    const surface = this.#surface
    if (!this.#model || !surface.cleared()) return
    const { values, limit, colour } = this.#model
    const known = values.filter((value) => !Number.isNaN(value))
    if (known.length === 0) return
    const bounds = limit === null ? [...known] : [...known, limit]
    const low = Math.min(...bounds)
    const high = Math.max(...bounds)
    const span = high - low || 1
    const x = (/** @type {number} */ i) => 2 + i / Math.max(1, values.length - 1) * (surface.width - 8)
    const y = (/** @type {number} */ value) => high === low ? surface.height / 2 : surface.height - 4 - (value - low) / span * (surface.height - 8)
    const { pen } = surface
    if (limit !== null) {
      pen.strokeStyle = token('--p2')
      pen.lineWidth = 1
      pen.setLineDash([4, 3])
      pen.beginPath()
      pen.moveTo(2, y(limit))
      pen.lineTo(surface.width - 6, y(limit))
      pen.stroke()
      pen.setLineDash([])
    }
    pen.strokeStyle = pen.fillStyle = token(colour)
    pen.lineWidth = 1.75
    pen.lineJoin = 'round'
    pen.beginPath()
    let down = false
    values.forEach((value, i) => {
      if (Number.isNaN(value)) { down = false; return }
      down ? pen.lineTo(x(i), y(value)) : pen.moveTo(x(i), y(value))
      down = true
    })
    pen.stroke()
    const last = values[values.length - 1]
    if (!Number.isNaN(last)) {
      pen.beginPath()
      pen.arc(x(values.length - 1), y(last), 2.5, 0, 7)
      pen.fill()
    }
  }
}
