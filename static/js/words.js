/**
 * The catalogue of the page's language, and authors' texts in it. Filled once from the page's boot block.
 *
 * Values stand as `{name}`; `{n|card|cards}` is the form that fits the number n. app/routers/words.py has the same rules.
 *
 * @import { Words } from '../types/frames.js'
 * @typedef {{ [name: string]: string | number }} Values
 */

/** @type {{ language: string, catalogue: { [key: string]: string } }} */
const page = { language: 'zh-CN', catalogue: {} }
const PLACE = /\{(\w+)(?:\|([^|{}]*)\|([^|{}]*))?\}/g

/** @param {string} language @param {{ [key: string]: string }} catalogue */
export function useWords (language, catalogue) {
  page.language = language
  page.catalogue = catalogue
}

/** @returns {string} zh-CN, zh-TW or en */
export function language () {
  return page.language
}

/**
 * @param {string} key
 * @param {Values} [values]
 * @returns {string}  the key itself when the catalogue lacks it: visible, and found by the catalogue test
 */
export function t (key, values = {}) {
  const text = page.catalogue[key]
  return text === undefined ? key : filled(text, values)
}

/** @param {string} text @param {Values} values @returns {string} */
function filled (text, values) {
  return text.replace(PLACE, (whole, /** @type {string} */ name, one, other) => {
    const value = values[name]
    if (value === undefined) return whole
    return one === undefined ? String(value) : Math.abs(Number(value)) === 1 ? one : other
  })
}

/** @param {string} key @param {string} otherwise @param {Values} [values] @returns {string} the text, or `otherwise` when there is no such key */
export function tOr (key, otherwise, values) {
  return page.catalogue[key] === undefined ? otherwise : t(key, values)
}

/**
 * @param {Words | undefined} words
 * @returns {{ text: string, lang: string }}  `lang` is set where the page's own language is missing
 */
export function authored (words) {
  if (!words) return { text: '', lang: '' }
  const own = words[page.language]
  if (own) return { text: own, lang: '' }
  const lang = words['zh-CN'] ? 'zh-CN' : (Object.keys(words)[0] ?? '')
  return { text: words[lang] ?? '', lang }
}
