/**
 * The host's tablet: the card, the band above it, what comes next, and the answer row. DOM only; times come as words.
 *
 * @import { Card } from '../feed/cards.js'
 */

import { clauses, lines, sizeFor } from '../saying.js'
import { attr, copy, find, keyed, put, putAuthored, show } from './dom.js'

const LEAST = 28

/** @param {Element} row @param {string} line  a paragraph with its prices and quantities apart */
function fillLine (row, line) {
  if (/** @type {HTMLElement} */ (row).dataset.line === line) return
  /** @type {HTMLElement} */ (row).dataset.line = line
  row.replaceChildren(...clauses(line).map((pieces) => {
    const clause = copy('clause')
    clause.append(...pieces.map(({ text, key }) => {
      const piece = copy(key ? 'piece-key' : 'piece-plain')
      piece.textContent = text
      return piece
    }))
    return clause
  }))
}

/**
 * Put a text into a box and choose the largest size, from the wished one down, at which all of it is seen.
 *
 * @param {HTMLElement} box  the area it may take
 * @param {{ text: string, lang: string }} said
 * @param {number} wished  pixels
 */
export function say (box, said, wished) {
  const list = /** @type {HTMLElement} */ (find(box, '.host-lines'))
  const beside = [...box.children].reduce((sum, child) => sum + (child === list ? 0 : /** @type {HTMLElement} */ (child).offsetHeight), 0)
  const key = `${said.text}|${wished}|${box.clientWidth}×${box.clientHeight - beside}`
  if (list.dataset.fitted === key) return
  attr(list, 'lang', said.lang || null)
  const rows = lines(said.text).map((line, n) => ({ line, n: String(n) }))
  keyed(list, 'line-row', rows, ({ n }) => n, (row, { line }) => fillLine(row, line))
  for (let size = sizeFor(rows.map(({ line }) => line), wished); ; size -= 4) {
    list.style.setProperty('--cue', `${Math.max(LEAST, size)}px`)
    if (size <= LEAST || fits(box, list)) break
  }
  list.dataset.fitted = key
}

/** @param {HTMLElement} box @param {HTMLElement} list @returns {boolean} */
function fits (box, list) {
  return box.scrollHeight <= box.clientHeight + 1 && list.scrollWidth <= list.clientWidth + 1
}

/**
 * @param {HTMLElement} host
 * @param {Card | null} card  the one the row belongs to
 * @param {boolean} urgent
 * @param {boolean} armed  false just after another card came: a tap meant for the one before must not count
 */
export function fillAnswers (host, card, urgent, armed) {
  const word = card?.receipt?.word ?? ''
  attr(find(host, '.host-answer'), 'data-armed', armed ? '' : null)
  for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (host.querySelectorAll('[data-answer]'))) {
    const what = button.dataset.answer
    const main = card !== null && (card.read ? what === 'done' : what === 'seen')
    button.disabled = card === null || (what === 'seen' && card.read)
    attr(button, 'data-main', main ? '' : null)
    if (what !== 'seen' && what !== 'done') attr(button, 'aria-pressed', word === what ? 'true' : 'false')
  }
  attr(host, 'data-urgent', urgent ? '' : null)
}

/** @param {HTMLElement} host @param {{ left: string, word: string, over: boolean, item: { text: string, lang: string }, shift: string, drill: boolean }} strip */
export function fillStrip (host, strip) {
  put(find(host, '#left'), strip.left)
  put(find(host, '#left-word'), strip.word)
  attr(find(host, '#count'), 'data-over', strip.over ? '' : null)
  putAuthored(find(host, '#item'), strip.item)
  put(find(host, '#shift'), strip.shift)
  for (const mark of ['#drill', '#urgent-drill']) show(find(host, mark), strip.drill)
}

/** @param {HTMLElement} host @param {'connecting' | 'live' | 'late' | 'cut'} state @param {string} words */
export function fillLink (host, state, words) {
  attr(host, 'data-link', state)
  put(find(host, '#link-text'), words)
  put(find(host, '#urgent-link'), state === 'cut' ? words : '')
}

/** @param {HTMLElement} host @param {{ text: string, lang: string }} next @param {string} waiting @param {boolean} tappable */
export function fillNext (host, next, waiting, tappable) {
  putAuthored(find(host, '#next'), next)
  const button = /** @type {HTMLButtonElement} */ (find(host, '#wait'))
  put(button, waiting)
  show(button, waiting !== '')
  attr(button, 'aria-disabled', tappable ? null : 'true')
  put(find(host, '#urgent-wait'), waiting)
}

/** @param {HTMLElement} note @param {string} text */
export function fillNote (note, text) {
  put(note, text)
  show(note, text !== '')
}

/** @param {HTMLElement} element  one soft pulse of its border */
export function pulse (element) {
  element.removeAttribute('data-new')
  void element.offsetWidth // so that the animation begins anew
  element.setAttribute('data-new', '')
}
