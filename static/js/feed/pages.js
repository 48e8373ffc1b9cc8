/**
 * What is read of the API: one answer, or a list that comes in pages, to its end.
 */

const MOST_PAGES = 20

/** @param {string} path @returns {Promise<any>} the answer's body; null when it could not be had */
export async function read (path) {
  try {
    const answer = await fetch(path, { credentials: 'same-origin' })
    return answer.ok ? await answer.json() : null
  } catch {
    return null // the network is away, or it went in the middle
  }
}

/** @param {string} path @param {number} [most]  pages @returns {Promise<unknown[] | null>} all rows; null when one page could not be had */
export async function pages (path, most = MOST_PAGES) {
  /** @type {unknown[]} */
  const rows = []
  let cursor = ''
  for (let n = 0; n < most; n++) {
    const body = await read(cursor ? `${path}${path.includes('?') ? '&' : '?'}cursor=${encodeURIComponent(cursor)}` : path)
    if (body === null) return null
    rows.push(...body.rows)
    if (body.next == null) return rows
    cursor = String(body.next)
  }
  return rows
}
