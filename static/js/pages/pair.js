/** Pairing a tablet: six digits and a name, then straight to its page. */

import { readBoot } from '../boot.js'
import { post } from '../feed/commands.js'
import { find } from '../views/dom.js'
import { fillProblem, holdFor, problemWords } from '../views/sign_in.js'

readBoot()
const form = /** @type {HTMLFormElement} */ (find(document, '#form'))
const code = /** @type {HTMLInputElement} */ (find(form, '#code'))
const name = /** @type {HTMLInputElement} */ (find(form, '#name'))

async function pair () {
  const button = /** @type {HTMLButtonElement} */ (find(form, 'button[type=submit]'))
  button.disabled = true
  const { ok, code: problem, body } = await post('/api/devices/pair', { code: code.value, name: name.value.trim() })
  if (ok && body?.room) {
    location.replace(`/host/${encodeURIComponent(body.room)}`)
    return
  }
  button.disabled = false
  fillProblem(problemWords(problem, { ...body, ...body?.context }, body?.detail))
  holdFor(form, Number(body?.wait_s ?? body?.context?.wait_s ?? 0))
  code.select()
}

code.addEventListener('input', () => {
  // Full-width digits from a Chinese keyboard, and the blanks of a pasted code.
  const digits = code.value.normalize('NFKC').replace(/\D/g, '').slice(0, 6)
  if (digits !== code.value) code.value = digits
})
form.addEventListener('submit', (event) => {
  event.preventDefault()
  void pair()
})
holdFor(form, Number(form.dataset.wait ?? 0))
