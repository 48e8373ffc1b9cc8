/** Sign-in, and the first administrator: hints while typing, and a refusal that keeps what was typed. */

import { readBoot } from '../boot.js'
import { submit } from '../feed/forms.js'
import { duration } from '../format.js'
import { find, put } from '../views/dom.js'
import { fillHint, fillProblem, hintCaps, holdFor, problemWords } from '../views/sign_in.js'
import { t } from '../words.js'

readBoot()
const form = /** @type {HTMLFormElement} */ (find(document, '#form'))
const password = /** @type {HTMLInputElement} */ (find(form, '#password'))
const again = /** @type {HTMLInputElement | null} */ (form.querySelector('#again'))
const hint = /** @type {HTMLElement | null} */ (form.querySelector('#password-hint'))
const least = Number(hint?.dataset.least ?? 0)

/** @param {boolean} strict  also what has not been typed yet @returns {boolean} whether the form may be sent */
function check (strict) {
  if (!hint || !again) return true
  const missing = least - [...password.value].length
  const short = missing > 0 && (strict || password.value !== '')
  fillHint(password, hint, short ? t('sign.short', { n: least, missing }) : '', t('sign.least', { n: least }))
  const differs = again.value !== password.value && (strict || again.value !== '')
  fillHint(again, find(form, '#again-hint'), differs ? t('sign.differs') : '')
  return !short && !differs
}

async function send () {
  if (!check(true)) return
  const button = /** @type {HTMLButtonElement} */ (find(form, 'button[type=submit]'))
  button.disabled = true
  const answer = await submit(form.action, new FormData(form))
  if ('to' in answer) {
    location.assign(answer.to)
    return
  }
  button.disabled = false
  fillProblem(problemWords(answer.code, answer.context, answer.detail))
  holdFor(form, Number(answer.context.wait_s ?? 0))
  if (!again) password.value = ''
  password.focus()
}

hintCaps(password)
password.addEventListener('change', () => check(false))
password.addEventListener('input', () => { if (password.getAttribute('aria-invalid')) check(false) })
again?.addEventListener('change', () => check(false))
again?.addEventListener('input', () => { if (again.getAttribute('aria-invalid')) check(false) })
form.noValidate = least > 0 // its own hints are shown in the page's language
form.addEventListener('submit', (event) => {
  event.preventDefault()
  void send()
})
holdFor(form, Number(form.dataset.wait ?? 0))

const left = document.getElementById('left')
if (left) {
  const until = performance.now() + Number(left.dataset.leftMs)
  const tell = () => {
    const ms = until - performance.now()
    put(left, ms > 0 ? t('sign.first_left', { left: duration(ms) }) : t('sign.first_over'))
    if (ms > 0) window.setTimeout(tell, 500)
  }
  tell()
}
