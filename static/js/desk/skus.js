/**
 * Goods by the risk that they run out. Pure.
 *
 * @import { MinuteRow, SkuRow } from '../../types/frames.js'
 * @typedef {{ outAt: number, short: number }} Forecast  `short`: units missing at the end of the segment, 0 when it lasts
 */

/** @param {SkuRow} row @returns {number} small = soon: sold beyond stock, then minutes left, then the rest */
function risk (row) {
  if (row.listed === false || row.on_sale === false) return 1e9
  if (row.sellable == null) return 1e8
  if (row.sellable <= 0) return row.sellable - 1
  if (row.eta_min != null) return row.eta_min
  return row.sellable <= (row.stock_line ?? 0) ? 1e6 : 1e7
}

/** @param {Iterable<SkuRow>} rows @returns {SkuRow[]} */
export function byRisk (rows) {
  return [...rows].sort((a, b) => risk(a) - risk(b) || Number(b.on_air ?? false) - Number(a.on_air ?? false) || (b.paid_units ?? 0) - (a.paid_units ?? 0) || (a.sku < b.sku ? -1 : 1))
}

/** @param {Iterable<SkuRow>} rows @returns {SkuRow | null} the one that runs out first; else what is on air */
export function riskiest (rows) {
  const sorted = byRisk(rows)
  const first = sorted[0] ?? null
  if (first && risk(first) < 1e6) return first
  return sorted.find((row) => row.on_air) ?? first
}

/** @param {SkuRow} row @param {number} nowMs @param {number | null} endMs  of the segment @returns {Forecast | null} */
export function forecast (row, nowMs, endMs) {
  if (row.eta_min == null || row.sellable == null || row.sellable <= 0) return null
  const outAt = nowMs + row.eta_min * 60_000
  const missing = endMs !== null && row.sell_rate ? Math.max(0, (endMs - outAt) / 60_000 * row.sell_rate) : 0
  return { outAt, short: Math.ceil(missing) }
}

/**
 * The goods that the board leaves out, by their newest known second; of their sales no more is known than the rate.
 *
 * @param {readonly (Omit<MinuteRow, 'values'> & { values: readonly (number | null)[] })[]} minutes  of sellable and sell_rate
 * @param {ReadonlyMap<string, string>} names
 * @param {ReadonlyMap<string, SkuRow>} board
 * @returns {SkuRow[]}
 */
export function restOf (minutes, names, board) {
  /** @type {Map<string, SkuRow>} */
  const rows = new Map()
  for (const { metric, scope_id: sku, values } of [...minutes].sort((a, b) => a.minute_ms - b.minute_ms)) {
    if (board.has(sku)) continue
    const newest = [...values].reverse().find((value) => value !== null && !Number.isNaN(value))
    if (newest == null) continue
    rows.set(sku, { ...(rows.get(sku) ?? { sku, name: names.get(sku) ?? sku, listed: names.has(sku) }), ...(metric === 'sellable' ? { sellable: newest } : { sell_rate: newest }) })
  }
  return [...rows.values()].map((row) => (row.sell_rate && row.sellable != null ? { ...row, eta_min: row.sellable / row.sell_rate } : row))
}

const MIN_CLICKS = 50

/** @param {SkuRow} row @returns {number | null} share of clicks of the last 5 min that went into the cart; null: too few */
export function cartRate (row) {
  const clicks = row.clicks_5m ?? 0
  return clicks < MIN_CLICKS ? null : (row.cart_adds_5m ?? 0) / clicks
}
