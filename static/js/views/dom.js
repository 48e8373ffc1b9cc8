/**
 * The few ways in which views touch the page: a write only where something changed, rows made from <template>s.
 */

/**
 * @param {ParentNode} root
 * @param {string} selector
 * @returns {any}  an element; typed where it is used
 */
export function find (root, selector) {
  const element = root.querySelector(selector)
  if (!element) throw new Error(`the page has no ${selector}`)
  return element
}

/** @param {Element} element @param {string} text */
export function put (element, text) {
  if (element.textContent !== text) element.textContent = text
}

/** @param {Element} element @param {{ text: string, lang: string }} authored */
export function putAuthored (element, { text, lang }) {
  put(element, text)
  attr(element, 'lang', lang || null)
}

/** @param {Element} element @param {string} name @param {string | number | null} value  null removes it */
export function attr (element, name, value) {
  if (value === null) {
    if (element.hasAttribute(name)) element.removeAttribute(name)
  } else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value))
}

/** @param {HTMLElement} element @param {boolean} visible */
export function show (element, visible) {
  if (element.hidden === visible) element.hidden = !visible
}

/** @param {string} id @returns {HTMLElement} a fresh copy of the only element in <template id=…> */
export function copy (id) {
  const template = /** @type {HTMLTemplateElement} */ (document.getElementById(id))
  return /** @type {HTMLElement} */ (document.importNode(template.content, true).firstElementChild)
}

/** @type {WeakMap<Element, Map<string, HTMLElement>>} */
const known = new WeakMap()

/**
 * Make the children of `parent` show `items` in order: rows that stay are kept and moved, not made again. A row that is
 * moved loses the focus: what goes, and a row that comes to stand further down, are taken out of the way of the others.
 *
 * @template T
 * @param {Element} parent
 * @param {string} templateId
 * @param {readonly T[]} items
 * @param {(item: T) => string} keyOf
 * @param {(row: HTMLElement, item: T) => void} fill
 */
export function keyed (parent, templateId, items, keyOf, fill) {
  let rows = known.get(parent)
  if (!rows) known.set(parent, rows = new Map())
  const staying = new Set(items.map(keyOf))
  for (const [key, row] of rows) {
    if (staying.has(key)) continue
    row.remove()
    rows.delete(key)
  }
  let at = parent.firstElementChild
  for (const item of items) {
    const key = keyOf(item)
    let row = rows.get(key)
    if (!row) {
      rows.set(key, row = copy(templateId))
      row.dataset.key = key
    }
    fill(row, item)
    if (at !== null && at.nextElementSibling === row) {
      parent.append(at)
      at = row
    }
    if (row === at) at = row.nextElementSibling
    else parent.insertBefore(row, at)
  }
}

/** @type {Map<string, string>} */
const colours = new Map()

/** @param {string} name  of a custom property @returns {string} its value in the theme on now */
export function token (name) {
  let value = colours.get(name)
  if (value === undefined) colours.set(name, value = getComputedStyle(document.documentElement).getPropertyValue(name).trim())
  return value
}

/** Call after the theme changed: canvases read colours anew. */
export function forgetTokens () {
  colours.clear()
}
