/**
 * Sending a form without leaving the page: either the server leads on to another page, or it says what is wrong.
 *
 * @typedef {{ to: string } | { code: string, detail: string, context: { [name: string]: string | number } }} FormAnswer
 */

/**
 * @param {string} action
 * @param {FormData} fields
 * @returns {Promise<FormAnswer>}
 */
export async function submit (action, fields) {
  const body = new URLSearchParams()
  for (const [name, value] of fields) if (typeof value === 'string') body.append(name, value)
  const response = await fetch(action, { method: 'POST', body, credentials: 'same-origin', headers: { Accept: 'application/json' } }).catch(() => null)
  if (!response) return { code: 'unreachable', detail: '', context: {} }
  const answer = await response.json().catch(() => null)
  if (!response.ok) return { code: String(answer?.code ?? 'unknown'), detail: String(answer?.detail ?? ''), context: numbersAndTexts(answer) }
  return { to: String(answer?.next ?? (response.redirected ? response.url : '/')) }
}

/** @param {any} problem @returns {{ [name: string]: string | number }} what a sentence may need of a problem document */
function numbersAndTexts (problem) {
  const flat = { ...problem, ...problem?.context }
  return Object.fromEntries(Object.entries(flat).filter(([, value]) => typeof value === 'string' || typeof value === 'number'))
}
