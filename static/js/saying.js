/**
 * A card's text as a host reads it: sentences on lines of their own, prices and quantities set apart. Pure.
 *
 * @typedef {{ text: string, key: boolean }} Piece  `key`: a price or a quantity, one size up
 */

// ¥128 · 29.9 元 · 5 折 · 300 件 · 40% · $12 · 300 left. The unit belongs to the figure: neither is read without the other.
// A comma belongs to it only between thousands.
const KEY = /(?:[¥￥$€£]\s?\d+(?:,\d{3})*(?:\.\d+)?|\d+(?:,\d{3})*(?:\.\d+)?\s?(?:元|块|折|件|套|份|单|箱|盒|瓶|%|％|(?:left|off|units|pieces|boxes|bottles|sets)\b))/g
const SENTENCE = /(?<=[。；！？!?;\n])\s*|(?<=\.)\s+(?=\p{Lu})/u
const CLAUSE = /(?<=[，、：])|(?<=[,:;]\s)/
const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6]/
const MOST_LINES = 5

/** @param {string} text @returns {string[]} its sentences, without the full stop that a line's end stands for */
export function lines (text) {
  const found = text.split(SENTENCE).map((line) => line.trim().replace(/[。；;]$/, '')).filter(Boolean)
  if (found.length <= MOST_LINES) return found
  return [...found.slice(0, MOST_LINES - 1), found.slice(MOST_LINES - 1).join(' ')]
}

/** @param {string} line @returns {Piece[]} the line in order, figures apart */
export function pieces (line) {
  /** @type {Piece[]} */
  const found = []
  let at = 0
  for (const match of line.matchAll(KEY)) {
    if (match.index > at) found.push({ text: line.slice(at, match.index), key: false })
    found.push({ text: match[0], key: true })
    at = match.index + match[0].length
  }
  if (at < line.length) found.push({ text: line.slice(at), key: false })
  return found
}

/** @param {string} line @returns {Piece[][]} its clauses: a line is broken between them first, and inside a word last */
export function clauses (line) {
  return line.split(CLAUSE).filter(Boolean).map(pieces)
}

/** @param {string} line @returns {number} its width in Hanzi: a Latin letter is about half of one */
export function width (line) {
  let wide = 0
  for (const char of line) wide += WIDE.test(char) ? 1 : 0.55
  return wide
}

/**
 * The text size to begin with: the chosen one, or a size up when no line has more than 14 Hanzi (tablet 10" at 2 m).
 *
 * @param {readonly string[]} said
 * @param {number} chosen  pixels, 40 to 120
 * @returns {number}
 */
export function sizeFor (said, chosen) {
  return said.length <= 3 && said.every((line) => width(line) <= 14) ? Math.round(chosen * 1.25) : chosen
}
