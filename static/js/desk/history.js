/**
 * The past of some readings, one value a second, NaN where unknown: minute rows from the server, live samples after them.
 *
 * Owns the numbers behind charts and sparklines; knows nothing of drawing. A gap stays a gap.
 *
 * @import { MinuteRow } from '../../types/frames.js'
 * @typedef {{ from: number, step: number, values: Float64Array }} Span  `from`: instant of the first value
 */

const MINUTE = 60_000
const SECOND = 1_000
const KEPT_MINUTES = 24 * 60

/** @param {string} metric @param {string} scope @param {string} scopeId @returns {string} as boards and queries key it */
export function readingKey (metric, scope, scopeId) {
  return scope === 'session' ? `${metric}@session` : `${metric}@${scope}:${scopeId}`
}

export class History {
  /** @type {Map<string, Map<number, Float64Array>>} */ #minutes = new Map()
  /** @type {Map<string, { at: number, value: number }>} */ #last = new Map()

  /** @param {string} key @param {number} minute @param {number} [kept]  minutes of this key that stay @returns {Float64Array} */
  #row (key, minute, kept = KEPT_MINUTES) {
    let rows = this.#minutes.get(key)
    if (!rows) this.#minutes.set(key, rows = new Map())
    let row = rows.get(minute)
    if (!row) {
      rows.set(minute, row = new Float64Array(60).fill(NaN))
      for (const known of rows.size > kept ? [...rows.keys()].sort((a, b) => a - b).slice(0, rows.size - kept) : []) rows.delete(known)
    }
    return row
  }

  /** @param {readonly (Omit<MinuteRow, 'values'> & { values: readonly (number | null)[] })[]} rows  from `/series` */
  load (rows) {
    for (const { metric, scope, scope_id: scopeId, minute_ms: minute, values } of rows) {
      const row = this.#row(readingKey(metric, scope, scopeId), minute)
      const key = readingKey(metric, scope, scopeId)
      values.forEach((value, i) => {
        if (value === null || Number.isNaN(value)) return
        row[i] = value
        this.#know(key, minute + i * SECOND, value)
      })
    }
  }

  /** @param {string} key @param {number} atMs @param {number | null} value @param {number} [kept]  minutes of this key that stay */
  put (key, atMs, value, kept) {
    const minute = Math.floor(atMs / MINUTE) * MINUTE
    this.#row(key, minute, kept)[Math.floor((atMs - minute) / SECOND)] = value ?? NaN
    if (value != null) this.#know(key, atMs, value)
  }

  /** @param {string} key @param {number} at @param {number} value */
  #know (key, at, value) {
    const known = this.#last.get(key)
    if (!known || at >= known.at) this.#last.set(key, { at, value })
  }

  /** @param {string} key @returns {number | null} the newest known value, however old */
  last (key) {
    return this.#last.get(key)?.value ?? null
  }

  /** @param {string} key @returns {boolean} */
  has (key) {
    return this.#minutes.has(key)
  }

  /** @param {string} key @param {number} fromMs @param {number} toMs @returns {Span} every second of [from, to] */
  span (key, fromMs, toMs) {
    const from = Math.floor(fromMs / SECOND) * SECOND
    const length = Math.max(1, Math.floor((toMs - from) / SECOND) + 1)
    const values = new Float64Array(length).fill(NaN)
    const rows = this.#minutes.get(key)
    if (rows) {
      for (let minute = Math.floor(from / MINUTE) * MINUTE; minute <= toMs; minute += MINUTE) {
        const row = rows.get(minute)
        if (!row) continue
        const offset = (minute - from) / SECOND
        const start = Math.max(0, -offset)
        const end = Math.min(60, length - offset)
        if (end > start) values.set(row.subarray(start, end), offset + start)
      }
    }
    return { from, step: SECOND, values }
  }

  /** @param {string} key @param {number} atMs @returns {number} the value of that second, NaN when unknown */
  at (key, atMs) {
    const minute = Math.floor(atMs / MINUTE) * MINUTE
    return this.#minutes.get(key)?.get(minute)?.[Math.floor((atMs - minute) / SECOND)] ?? NaN
  }

  /**
   * The lowest and highest second of each step of a key, in the order in which they came: what a curve of few pixels
   * shows of many seconds. Nothing is made anew, so that a redraw leaves no garbage.
   *
   * @param {string} key
   * @param {number} from  of the first step
   * @param {number} step  a whole number of seconds
   * @param {number} count  of steps
   * @param {Float64Array} first  the earlier of the two, NaN where nothing is known
   * @param {Float64Array} second
   * @returns {number} the highest of all, 0 where nothing is known
   */
  fold (key, from, step, count, first, second) {
    first.fill(NaN, 0, count)
    second.fill(NaN, 0, count)
    const rows = this.#minutes.get(key)
    let most = 0
    if (!rows) return most
    const end = from + count * step
    for (let minute = Math.floor(from / MINUTE) * MINUTE; minute < end; minute += MINUTE) {
      const row = rows.get(minute)
      if (!row) continue
      const last = Math.min(60, Math.ceil((end - minute) / SECOND))
      for (let i = Math.max(0, Math.ceil((from - minute) / SECOND)); i < last; i++) {
        const value = row[i]
        if (value !== value) continue
        if (value > most) most = value
        const at = Math.floor((minute + i * SECOND - from) / step)
        if (first[at] !== first[at]) first[at] = second[at] = value
        else if (value > Math.max(first[at], second[at])) { first[at] = Math.min(first[at], second[at]); second[at] = value }
        else if (value < Math.min(first[at], second[at])) { first[at] = Math.max(first[at], second[at]); second[at] = value }
      }
    }
    return most
  }

  clear () {
    this.#minutes.clear()
    this.#last.clear()
  }
}

/** @param {Span} span @param {number} buckets @returns {Float64Array} means of `buckets` equal parts, NaN where all is unknown */
export function thinned (span, buckets) {
  const out = new Float64Array(buckets).fill(NaN)
  const { values } = span
  for (let b = 0; b < buckets; b++) {
    const from = Math.floor(b * values.length / buckets)
    const to = Math.max(from + 1, Math.floor((b + 1) * values.length / buckets))
    let sum = 0
    let n = 0
    for (let i = from; i < to && i < values.length; i++) {
      if (!Number.isNaN(values[i])) { sum += values[i]; n++ }
    }
    if (n > 0) out[b] = sum / n
  }
  return out
}
