/**
 * Lists of the API that come in pages, read to their end.
 */

const MOST_PAGES = 20

/** @param {string} path @param {number} [most]  pages @returns {Promise<unknown[] | null>} all rows; null when one page could not be had */
export async function pages (path, most = MOST_PAGES) {
  /** @type {unknown[]} */
  const rows = []
  let cursor = ''
  for (let n = 0; n < most; n++) {
    const answer = await fetch(cursor ? `${path}${path.includes('?') ? '&' : '?'}cursor=${encodeURIComponent(cursor)}` : path, { credentials: 'same-origin' }).catch(() => null)
    if (!answer?.ok) return null
    const body = await answer.json()
    rows.push(...body.rows)
    if (body.next == null) return rows
    cursor = String(body.next)
  }
  return rows
}
