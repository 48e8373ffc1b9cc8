/**
 * A session that is over, in one line. Pure.
 */

import { compact, duration, money, number, percent } from '../format.js'
import { t } from '../words.js'
import { brief } from './tiles.js'

/** @type {readonly [string, (value: number, currency: string) => string][]} in the order of the line */
const PARTS = [
  ['minutes', (value) => duration(value * 60_000)],
  ['viewers_peak', (value) => brief(compact(value))],
  ['gmv', (value, currency) => brief(money(value, currency))],
  ['orders', (value) => number(value)],
  ['units', (value) => number(value)],
  ['comments', (value) => number(value)],
  ['interaction_mean', (value) => `${percent(value)}%`],
  ['alerts', (value) => number(value)]
]

/** @param {{ [name: string]: number }} summary @param {string} currency @returns {string} 在线峰值 806 · 成交额 20.1万 · … */
export function summaryWords (summary, currency) {
  return PARTS.filter(([name]) => summary[name] !== undefined).map(([name, write]) => t(`console.sum.${name}`, { value: write(summary[name], currency) })).join(' · ')
}
