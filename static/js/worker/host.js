/**
 * The host's tablet without a network: its page and files as this build had them, kept on the device.
 *
 * The network goes first, always; what is kept is used only where the network gives nothing, and the page itself then
 * says that it is offline and since when. Kept are the page of the room and the files it loads: no answer of the API, no
 * frame, and no cookie, which pages cannot read. A cache belongs to one build, and the next build throws it away.
 * Served as /host/sw.js, with SHELL written before it.
 *
 * @typedef {{ waitUntil: (work: Promise<unknown>) => void }} Lasting
 * @typedef {Lasting & { request: Request, clientId: string, resultingClientId: string, respondWith: (answer: Promise<Response>) => void }} Asked
 */

/** Names of a worker's scope are not in the page's library of types. */
const scope = /** @type {any} */ (self)
/** @type {{ build: string, files: string[] }} */
const { build, files } = scope.SHELL
const PREFIX = 'cueroom-host-'
const NAME = PREFIX + build
/** A network that has not answered by now is treated as none: the host waits for a word, not for a page. */
const PATIENCE_MS = 4_000
/** @type {Set<string>} pages that came out of the cache: their files do, too, so that no two builds meet */
const fromCache = new Set()

scope.addEventListener('install', (/** @type {Lasting} */ event) => {
  event.waitUntil(caches.open(NAME).then((cache) => cache.addAll(files)).then(() => scope.skipWaiting()))
})

scope.addEventListener('activate', (/** @type {Lasting} */ event) => event.waitUntil(takeOver()))

scope.addEventListener('message', (/** @type {Lasting & { data: unknown }} */ event) => {
  if (event.data === 'forget') event.waitUntil(forget())
})

scope.addEventListener('fetch', (/** @type {Asked} */ event) => {
  const { method, mode, url } = event.request
  const { origin, pathname } = new URL(url)
  if (method !== 'GET' || origin !== location.origin) return
  if (mode === 'navigate') event.respondWith(page(event, pathname))
  else if (files.includes(pathname)) event.respondWith(file(event, pathname))
})

/** Drop the caches of other builds; then keep the pages that are open, which came before this worker did. */
async function takeOver () {
  for (const name of await caches.keys()) if (name.startsWith(PREFIX) && name !== NAME) await caches.delete(name)
  await scope.clients.claim()
  const open = await scope.clients.matchAll({ type: 'window' })
  const paths = new Set(open.map((/** @type {{ url: string }} */ client) => new URL(client.url).pathname))
  for (const path of paths) await fetch(path, { credentials: 'same-origin', headers: { Accept: 'text/html' } }).then((answer) => keep(path, answer)).catch(() => {})
}

/** The tablet is not paired any more. */
async function forget () {
  for (const name of await caches.keys()) if (name.startsWith(PREFIX)) await caches.delete(name)
  await scope.registration.unregister()
}

/** @param {string} path @param {Response} answer  kept when it is a page of this build; a redirect takes the page away */
async function keep (path, answer) {
  if (answer.type === 'opaqueredirect' || answer.redirected) {
    if (await caches.has(NAME)) await (await caches.open(NAME)).delete(path)
  } else if (answer.ok && answer.headers.get('Cueroom-Build') === build) {
    await (await caches.open(NAME)).put(path, answer.clone())
  }
  // The next build, or the end of the pairing, has thrown the cache away meanwhile: this must not be what is left of it.
  if (scope.serviceWorker?.state === 'redundant') await caches.delete(NAME)
}

/**
 * What is kept of this build. Asked by name and not by opening it, which would make it anew: the next build's worker has
 * thrown it away while this one still answers what a page asked before.
 * @param {string} path
 */
function keptAt (path) {
  return caches.match(path, { cacheName: NAME })
}

/** @param {Asked} event @param {string} path @returns {Promise<Response>} */
async function page (event, path) {
  const asked = fetch(event.request)
  event.waitUntil(asked.then((answer) => keep(path, answer.clone())).catch(() => {}))
  const kept = await keptAt(path)
  if (!kept) return asked
  const answer = await inTime(asked)
  if (answer && answer.status < 500) return answer
  fromCache.add(event.resultingClientId)
  return kept
}

/** @param {Asked} event @param {string} path @returns {Promise<Response>} */
async function file (event, path) {
  const kept = await keptAt(path)
  if (!kept) return fetch(event.request)
  if (fromCache.has(event.clientId)) return kept
  const answer = await inTime(fetch(event.request))
  return answer?.ok ? answer : kept
}

/** @param {Promise<Response>} asked @returns {Promise<Response | null>} null: no network, or none that answers in time */
function inTime (asked) {
  return Promise.race([asked.catch(() => null), new Promise((resolve) => setTimeout(() => resolve(null), PATIENCE_MS))])
}
