/**
 * Commands go by HTTP: a key made here, what the page expects, and one outcome that comes back. No DOM.
 *
 * @import { Outcome } from '../../types/frames.js'
 * @typedef {{ ok: boolean, code: string, outcome: Outcome | null, body: any }} Answer
 *   `code`: done, or why not; the catalogue words it as `error.<code>`
 */

const ASK_EVERY_MS = 700
const ASK_TIMES = 20

/**
 * @param {string} path
 * @param {unknown} body
 * @param {string} [key]  the same key again answers the first outcome
 * @returns {Promise<Answer>}
 */
export async function post (path, body, key = newKey()) {
  /** @type {RequestInit} */
  const command = { method: 'POST', body: JSON.stringify(body), headers: { 'Content-Type': 'application/json', 'Idempotency-Key': key } }
  const answer = await send(path, command)
  // Taken, and lost on its way: with the same key it is done once, whether or not the first one comes after all.
  return answer.code === 'pending' || answer.code === 'not_taken' ? await send(path, command) : answer
}

/** @param {string} path @param {RequestInit} command @returns {Promise<Answer>} */
async function send (path, command) {
  const response = await reach(path, command)
  if (!response) return { ok: false, code: 'unreachable', outcome: null, body: null }
  const answer = await read(response)
  if (response.status !== 202) return answer
  const where = response.headers.get('Location') ?? answer.body?.location
  return where ? await ask(where) : answer
}

/** @param {string} where @returns {Promise<Answer>} the outcome of a command that was taken but not yet committed */
async function ask (where) {
  for (let n = 0; n < ASK_TIMES; n++) {
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS))
    const response = await reach(where, {})
    if (response && response.status !== 202 && response.status !== 404) return await read(response)
  }
  return { ok: false, code: 'pending', outcome: null, body: null }
}

/** @param {string} path @param {RequestInit} init @returns {Promise<Response | null>} */
async function reach (path, init) {
  try {
    return await fetch(path, { credentials: 'same-origin', ...init })
  } catch {
    return null // the network is away; the feed says so on its own
  }
}

/** @param {Response} response @returns {Promise<Answer>} */
async function read (response) {
  const body = await response.json().catch(() => null)
  // An outcome and a problem document name their code; another answer's `code` is its own affair (a pairing code).
  const outcome = body?.position !== undefined && body.at_ms !== undefined ? /** @type {Outcome} */ (body) : null
  const code = response.ok ? (outcome?.code ?? 'done') : typeof body?.code === 'string' ? body.code : `http_${response.status}`
  return { ok: code === 'done', code, outcome, body }
}

/** @returns {string} `crypto.randomUUID` exists only where the page is secure; a LAN address over HTTP is not */
export function newKey () {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID()
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
