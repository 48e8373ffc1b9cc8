/**
 * The headline tiles: figures into existing nodes, a curve beside each.
 *
 * @import { TileModel } from '../desk/tiles.js'
 */

import { attr, find, put, show } from './dom.js'
import { Spark } from './spark.js'

/** @type {WeakMap<Element, Spark>} */
const sparks = new WeakMap()

/** @param {HTMLElement} element @param {TileModel} model @param {Float64Array} values  of its curve */
export function fillTile (element, model, values) {
  attr(element, 'data-p', model.rank || null)
  attr(element, 'data-state', model.shown)
  fillRank(find(element, '.pri'), model.rank)
  put(find(element, '.tile-label'), model.label)
  put(find(element, '.tile-whole'), model.whole)
  attr(find(element, '.tile-head'), 'title', [model.label, model.whole].filter(Boolean).join(' · '))
  const tag = find(element, '.tile-tag')
  show(tag, model.tag !== '')
  put(tag, model.tag)
  put(find(element, '.tile-age span'), model.age)
  put(find(element, '.tile-figure'), model.value)
  put(find(element, '.tile-value small'), model.unit)
  attr(find(element, '.tile-value'), 'title', model.full || null)
  put(find(element, '.tile-left'), model.left)
  fillChange(find(element, '.delta'), model)
  put(find(element, '.tile-right'), model.right)
  fillSpark(find(element, '.tile-spark'), values, model)
}

/** @param {HTMLElement} pri @param {number} rank */
export function fillRank (pri, rank) {
  show(pri, rank > 0)
  attr(pri, 'data-p', rank)
  attr(pri, 'aria-label', rank > 0 ? `P${rank}` : null)
}

/** @param {HTMLElement} element @param {TileModel} model */
function fillChange (element, { change }) {
  attr(element, 'data-dir', change?.dir ?? null)
  put(element, change?.text ?? '')
}

/** @param {HTMLCanvasElement} canvas @param {Float64Array} values @param {{ rank: number, limit: number | null }} model */
function fillSpark (canvas, values, { rank, limit }) {
  let spark = sparks.get(canvas)
  if (!spark) sparks.set(canvas, spark = new Spark(canvas))
  spark.fill({ values, limit, colour: rank === 1 ? '--p1' : '--text-2' })
}
