/**
 * 商品, the soonest to run out first.
 *
 * @import { SkuRow } from '../../types/frames.js'
 * @typedef {{ ranks: ReadonlyMap<string, number>, nowMs: number, zone: string, currency: string }} SkuContext
 */

import { byRisk, cartRate, forecast } from '../desk/skus.js'
import { clock, money, number, percent } from '../format.js'
import { t } from '../words.js'
import { attr, find, keyed, put, show } from './dom.js'

const LASTS_MIN = 240 // no show is longer: a forecast beyond it is "lasts", not an hour

/** @param {HTMLElement} body @param {Iterable<SkuRow>} rows @param {SkuContext} context @param {readonly SkuRow[]} [rest]  after them, whatever their risk */
export function fillSkus (body, rows, context, rest = []) {
  keyed(body, 'sku-row', [...byRisk(rows), ...byRisk(rest)], (row) => row.sku, (element, row) => {
    const rank = context.ranks.get(row.sku) ?? 0
    attr(element, 'data-p', rank || null)
    attr(element, 'data-rest', rank === 0 && !row.on_air ? '' : null)
    const pri = find(element, '.pri')
    attr(pri, 'data-p', rank)
    attr(pri, 'aria-label', rank > 0 ? `P${rank}` : null)
    put(find(element, '.sku-title'), row.name || row.sku)
    attr(find(element, '.sku-title'), 'title', row.name ? `${row.name} · ${row.sku}` : row.sku)
    fillTag(find(element, '.tag'), row)
    const cells = element.querySelectorAll('td')
    put(cells[1], left(row))
    put(cells[2], row.sell_rate == null ? '—' : number(row.sell_rate, row.sell_rate < 10 && row.sell_rate % 1 !== 0 ? 1 : 0))
    put(cells[3], out(row, context))
    const cart = cartRate(row)
    put(cells[4], cart === null ? '—' : `${percent(cart)}%`)
    const paid = money(row.paid_amount ?? 0, context.currency)
    put(cells[5], row.paid_units ? paid.value + paid.unit : '—')
    attr(cells[5], 'title', row.paid_units ? paid.full : null)
  })
}

/** @param {HTMLElement} tag @param {SkuRow} row */
function fillTag (tag, row) {
  const words = row.listed === false ? t('console.sku.unlisted') : row.on_air ? t('console.sku.on_air') : row.on_sale === false ? t('console.sku.off') : ''
  show(tag, words !== '')
  put(tag, words)
}

/** @param {SkuRow} row @returns {string} */
function left (row) {
  if (row.sellable == null) return '—'
  return row.sellable < 0 ? t('console.sku.over', { n: number(-row.sellable) }) : number(row.sellable)
}

/** @param {SkuRow} row @param {SkuContext} context @returns {string} */
function out (row, context) {
  const ahead = forecast(row, context.nowMs, null)
  if (!ahead || row.eta_min == null) return '—'
  return row.eta_min > LASTS_MIN ? t('console.sku.lasts') : clock(ahead.outAt, context.zone, false)
}
