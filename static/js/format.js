/**
 * Numbers, money, times and ages as people read them here: 12.14万 and 1.2亿 in Chinese, 121.4K in English, a true minus.
 * Pure, but for the page's language.
 */

import { language, t, tOr } from './words.js'

const MINUS = '−'
/** @typedef {{ value: string, unit: string, full: string }} Figure  `full`: the exact number, for the hover */

/** @param {string} text @returns {string} */
const trueMinus = (text) => text.replace('-', MINUS)

/** @type {Map<string, Intl.NumberFormat>} */
const numberFormats = new Map()

/** @param {number} value @param {number} [digits] @returns {string} */
export function number (value, digits = 0) {
  const key = `${language()}|${digits}`
  let format = numberFormats.get(key)
  if (!format) numberFormats.set(key, format = new Intl.NumberFormat(language(), { minimumFractionDigits: digits, maximumFractionDigits: digits }))
  return trueMinus(format.format(value))
}

/** @returns {[number, string][]} */
function steps () {
  if (language() === 'en') return [[1e9, 'B'], [1e6, 'M'], [1e4, 'K']]
  return [[1e8, t('metric.unit.yi')], [1e4, t('metric.unit.wan')]]
}

const ROUNDS_UP = 0.99995 // what would read 10,000万 is 1.00亿

/** @param {number} value @param {number} [digits]  after the point for a small value @returns {Figure} */
export function compact (value, digits = 0) {
  const full = number(value, digits)
  for (const [step, unit] of steps()) {
    if (Math.abs(value) < step * ROUNDS_UP) continue
    return { ...scaled(value, step, unit), full }
  }
  return { value: full, unit: '', full }
}

/** @param {number} value @param {number} step @param {string} unit @returns {{ value: string, unit: string }} in at most five figures */
function scaled (value, step, unit) {
  const share = value / (unit === 'K' ? 1e3 : step)
  const size = Math.abs(share)
  return { value: number(share, size >= 999.95 ? 0 : unit === 'K' || size >= 99.995 ? 1 : 2), unit }
}

/** @param {string} text @param {number} [most]  in halves of a Hanzi @returns {string} a name that leaves room for what is said of it */
export function brief (text, most = 24) {
  let width = 0
  let kept = ''
  for (const letter of text) {
    width += /[\u1100-\u{10FFFF}]/u.test(letter) ? 2 : 1
    if (width > most) return `${kept.trimEnd()}…`
    kept += letter
  }
  return text
}

/** @type {Map<string, Intl.NumberFormat>} */
const moneyFormats = new Map()

/** @type {Map<string, number>} */
const minorDigits = new Map()

/** @param {string} currency @returns {number} digits after the point: 2 for CNY, 0 for JPY */
export function currencyDigits (currency) {
  let digits = minorDigits.get(currency)
  if (digits === undefined) {
    digits = new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2
    minorDigits.set(currency, digits)
  }
  return digits
}

/** @param {number} minor  in the smallest unit @param {string} currency @returns {number} in the main unit */
export function mainUnit (minor, currency) {
  return minor / 10 ** currencyDigits(currency)
}

/** @param {number} minor @param {string} currency @returns {Figure} 12.14万, the sign of the currency only in `full` */
export function money (minor, currency) {
  const value = mainUnit(minor, currency)
  const key = `${language()}|${currency}`
  let format = moneyFormats.get(key)
  if (!format) moneyFormats.set(key, format = new Intl.NumberFormat(language(), { style: 'currency', currency, currencyDisplay: 'narrowSymbol' }))
  return { ...compact(value), full: trueMinus(format.format(value)) }
}

/** @param {number} share @param {number} [digits] @returns {string} without the sign: the unit is smaller */
export function percent (share, digits = 1) {
  return number(share * 100, digits)
}

/** @param {number} value @param {(size: number) => string} write @returns {{ text: string, dir: 'up' | 'down' | 'same' }} */
export function delta (value, write) {
  const text = write(Math.abs(value))
  if (!/[1-9]/.test(text)) return { text: t('metric.same'), dir: 'same' }
  return value > 0 ? { text: `▲ +${text}`, dir: 'up' } : { text: `▼ ${MINUS}${text}`, dir: 'down' }
}

/** @param {number} ms @returns {string} 15:36, 1:02:19 */
export function duration (ms) {
  const s = Math.max(0, Math.floor(ms / 1000))
  const mm = String(Math.floor(s / 60) % 60).padStart(2, '0')
  const ss = String(s % 60).padStart(2, '0')
  return s >= 3600 ? `${Math.floor(s / 3600)}:${mm}:${ss}` : `${mm}:${ss}`
}

/** @param {number} ms @returns {string} +1:00, −0:40 */
export function shift (ms) {
  const s = Math.round(Math.abs(ms) / 1000)
  return `${ms < 0 && s > 0 ? MINUS : '+'}${Math.floor(s / 60)}:${String(s % 60).padStart(2, '0')}`
}

/** @param {number} ms @returns {string} how long something took: 0.3s, 12s, 2:05 */
export function took (ms) {
  if (ms < 10_000) return `${Math.max(0, ms / 1000).toFixed(1)}s`
  return ms < 60_000 ? `${Math.round(ms / 1000)}s` : duration(ms)
}

/** @param {number} ms @returns {string} 1s, 59s, 2:05 */
export function age (ms) {
  const s = Math.max(0, Math.round(ms / 1000))
  return s < 60 ? `${s}s` : duration(s * 1000)
}

/** @type {Map<string, Intl.DateTimeFormat>} */
const timeFormats = new Map()

/** @param {number} ms @param {string} zone @param {boolean} [seconds] @returns {string} 20:36:24 in the room's zone */
export function clock (ms, zone, seconds = true) {
  const key = `${zone}|${seconds}`
  let format = timeFormats.get(key)
  if (!format) {
    format = new Intl.DateTimeFormat('en-GB', { timeZone: zone, hour: '2-digit', minute: '2-digit', ...(seconds ? { second: '2-digit' } : {}), hourCycle: 'h23' })
    timeFormats.set(key, format)
  }
  return format.format(ms)
}

/** @type {Map<string, Intl.DateTimeFormat>} */
const zoneFormats = new Map()

/** @param {string} zone @param {number} ms @returns {string} 北京时间, UTC+8 */
export function zoneName (zone, ms) {
  let format = zoneFormats.get(zone)
  if (!format) zoneFormats.set(zone, format = new Intl.DateTimeFormat('en-GB', { timeZone: zone, timeZoneName: 'shortOffset' }))
  const parts = format.formatToParts(ms)
  const offset = (parts.find((part) => part.type === 'timeZoneName')?.value ?? zone).replace('GMT', 'UTC')
  return tOr(`time.zone.${zone}`, offset)
}
