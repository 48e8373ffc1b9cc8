/**
 * What the sign-in, first-administrator and pairing forms share: hints while typing, a problem in words, a wait that counts.
 */

import { t, tOr } from '../words.js'
import { attr, find, put, show } from './dom.js'

/** @param {HTMLInputElement} field  tell when Caps Lock is on, as soon as a key shows it */
export function hintCaps (field) {
  const hint = document.getElementById('caps')
  if (!hint) return
  /** @param {KeyboardEvent | MouseEvent} event */
  const look = (event) => show(hint, event.getModifierState('CapsLock'))
  field.addEventListener('keydown', look)
  field.addEventListener('keyup', look)
  field.addEventListener('mousedown', look)
  field.addEventListener('blur', () => show(hint, false))
}

/** @param {HTMLInputElement} field @param {HTMLElement} hint @param {string} problem  empty: all is well */
export function fillHint (field, hint, problem, calm = '') {
  attr(field, 'aria-invalid', problem ? 'true' : null)
  attr(hint, 'data-bad', problem ? '' : null)
  put(hint, problem || calm)
  show(hint, Boolean(problem || calm))
}

/**
 * @param {string} code
 * @param {{ [name: string]: string | number }} [context]
 * @param {string} [detail]  the server's own words, for a code without any here
 * @returns {string}
 */
export function problemWords (code, context = {}, detail = '') {
  const text = tOr(`error.${code}`, '')
  return text ? t(`error.${code}`, context) : detail || t('error.unknown')
}

/** @param {string} text  empty hides it */
export function fillProblem (text) {
  put(find(document, '#problem-text'), text)
  show(find(document, '#problem'), text !== '')
}

/**
 * Hold the form for some seconds and say so; computed from a deadline, so a sleeping tab does not stretch it.
 *
 * @param {HTMLFormElement} form
 * @param {number} seconds
 */
export function holdFor (form, seconds) {
  if (!(seconds > 0)) return
  const button = /** @type {HTMLButtonElement} */ (find(form, 'button[type=submit]'))
  const until = performance.now() + seconds * 1000
  const tell = () => {
    const left = Math.ceil((until - performance.now()) / 1000)
    button.disabled = left > 0
    fillProblem(left > 0 ? t('sign.wait', { s: left }) : '')
    if (left > 0) window.setTimeout(tell, 250)
  }
  tell()
}
