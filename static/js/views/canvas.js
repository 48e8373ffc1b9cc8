/**
 * A canvas that knows its size: measured when it changes, not when it is drawn, and drawn only while it is seen.
 */

export class Surface {
  width = 0
  height = 0
  seen = false
  /** @type {CanvasRenderingContext2D} */ pen
  #canvas
  #onChange

  /** @param {HTMLCanvasElement} canvas @param {() => void} onChange  size or visibility changed: draw */
  constructor (canvas, onChange) {
    this.#canvas = canvas
    this.#onChange = onChange
    this.pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'))
    new ResizeObserver(([entry]) => this.#resize(entry.contentRect)).observe(canvas)
    new IntersectionObserver(([entry]) => {
      this.seen = entry.isIntersecting
      if (this.seen) this.#onChange()
    }).observe(canvas)
  }

  /** @param {DOMRectReadOnly} rect */
  #resize (rect) {
    const ratio = window.devicePixelRatio || 1
    this.width = rect.width
    this.height = rect.height
    this.#canvas.width = Math.round(rect.width * ratio)
    this.#canvas.height = Math.round(rect.height * ratio)
    this.pen.setTransform(ratio, 0, 0, ratio, 0, 0)
    this.#onChange()
  }

  /** @returns {boolean} whether there is anything to draw on; the surface is then empty */
  cleared () {
    if (!this.seen || document.hidden || this.width < 8 || this.height < 8) return false
    this.pen.clearRect(0, 0, this.width, this.height)
    return true
  }
}
