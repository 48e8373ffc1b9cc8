/**
 * A text with its marked phrases, as pieces: underlined by severity, an allowed one dotted. Text only, never HTML.
 *
 * @import { Mark } from '../../types/frames.js'
 */

import { markRank, pieces } from '../desk/alerts.js'
import { t, tOr } from '../words.js'

/** @param {Element} element @param {string} text @param {readonly Mark[]} marks */
export function fillMarked (element, text, marks) {
  const cut = pieces(text, marks)
  const print = JSON.stringify(cut.map((piece) => [piece.text, piece.mark && markRank(piece.mark)]))
  if (/** @type {HTMLElement} */ (element).dataset.print === print) return
  /** @type {HTMLElement} */ (element).dataset.print = print
  element.replaceChildren(...cut.map((piece) => {
    if (!piece.mark) return document.createTextNode(piece.text)
    const mark = document.createElement('mark')
    mark.className = 'hit'
    mark.dataset.p = String(markRank(piece.mark))
    mark.textContent = piece.text
    mark.title = [reasonFull(piece.mark), piece.mark.citation].filter(Boolean).join(' · ')
    return mark
  }))
}

/** @param {Mark} mark @returns {string} the lexicon's category in words */
export function category (mark) {
  return tOr(`console.category.${mark.category}`, mark.category)
}

/** @param {Mark} mark @returns {string} 违规 · 保健功效; 放行 · 常用语 */
export function reason (mark) {
  if (mark.exempt) return t('console.mark.exempt', { why: why(mark.exempt).why })
  return t(mark.severity === 'block' ? 'console.mark.block' : 'console.mark.warn', { what: category(mark) })
}

/** @param {Mark} mark @returns {string} */
function reasonFull (mark) {
  if (!mark.exempt) return reason(mark)
  const { why: kind, words } = why(mark.exempt)
  return words ? t('console.exempt.full', { why: kind, words }) : reason(mark)
}

/** @param {string} exempt  `allowed:最后一分钟` @returns {{ why: string, words: string }} */
function why (exempt) {
  const at = exempt.indexOf(':')
  const kind = at < 0 ? exempt : exempt.slice(0, at)
  return { why: tOr(`console.exempt.${kind}`, kind), words: at < 0 ? '' : exempt.slice(at + 1) }
}
