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
const KEPT_MINUTES = 8 * 60

/** @param {string} metric @param {string} scope @param {string} scopeId @returns {string} as boards and queries key it */
export function readingKey (metric, scope, scopeId) {
  return scope === 'session' ? `${metric}@session` : `${metric}@${scope}:${scopeId}`
}

export class History {
  /** @type {Map<string, Map<number, Float64Array>>} */ #minutes = new Map()
  /** @type {Map<string, { at: number, value: number }>} */ #last = new Map()

  /** @param {string} key @param {number} minute @returns {Float64Array} */
  #row (key, minute) {
    let rows = this.#minutes.get(key)
    if (!rows) this.#minutes.set(key, rows = new Map())
    let row = rows.get(minute)
    if (!row) {
      rows.set(minute, row = new Float64Array(60).fill(NaN))
      if (rows.size > KEPT_MINUTES) rows.delete(Math.min(...rows.keys()))
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

  /** @param {string} key @param {number} atMs @param {number | null} value */
  put (key, atMs, value) {
    const minute = Math.floor(atMs / MINUTE) * MINUTE
    this.#row(key, minute)[Math.floor((atMs - minute) / SECOND)] = value ?? NaN
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
