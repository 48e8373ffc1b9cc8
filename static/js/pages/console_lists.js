/**
 * Tiles, 商品, 弹幕与口播 and 群消息: what is read down a list.
 *
 * @import { SkuRow } from '../../types/frames.js'
 * @import { Moment } from '../desk/tiles.js'
 * @import { Room } from './console_room.js'
 */

import { rank } from '../desk/alerts.js'
import { thinned } from '../desk/history.js'
import { RUNNING, hold, shown } from '../desk/messages.js'
import { restOf } from '../desk/skus.js'
import { tiles } from '../desk/tiles.js'
import { read } from '../feed/pages.js'
import { age, number } from '../format.js'
import { t } from '../words.js'
import { attr, find, put, show } from '../views/dom.js'
import { fillChannels, fillGroup } from '../views/group.js'
import { fillMessages } from '../views/messages.js'
import { fillSkus } from '../views/skus.js'
import { fillTile } from '../views/tiles.js'
import { drawTab } from './console_panels.js'

const SPARK_MS = 1_800_000
const SPARK_LEAST_MS = 120_000
const SPARK_POINTS = 60
const REST_EVERY_MS = 10_000
const REST_BACK_MS = 120_000

/** @param {Room} room */
export function tilesPart (room) {
  const draw = (/** @type {Moment} */ now) => {
    const from = Math.max(now.nowMs - SPARK_MS, Math.min(now.head?.started_ms ?? 0, now.nowMs - SPARK_LEAST_MS))
    for (const model of tiles(now)) fillTile(find(document, `[data-tile="${model.id}"]`), model, thinned(room.history.span(model.series, from, now.nowMs), SPARK_POINTS))
  }
  room.draws(['session', 'history'], draw)
  room.ticks(draw)
}

/** @param {Room} room */
export function goodsPart (room) {
  /** Those beyond the board's hundred, once somebody asked for them. @type {SkuRow[] | null} */
  let rest = null
  let restAt = 0
  /** @type {Map<string, string> | null} */
  let names = null
  const load = async () => {
    restAt = Date.now()
    const { session } = room
    names ??= await namesOf(room.room.id)
    const query = `/series?metric=sellable&metric=sell_rate&scope=sku&from_ms=${Math.round(room.moment().nowMs - REST_BACK_MS)}`
    const body = await read(room.api(query))
    if (session !== room.session) return
    if (body === null || !names) { room.shell.say(t('console.load_failed')); return }
    rest = restOf(body.rows, names, room.topic('skus'))
    room.redraw(['skus'])
  }
  const draw = (/** @type {Moment} */ now) => {
    const rows = [...room.topic('skus').values()]
    const more = now.head?.skus_more ?? 0
    if (more === 0) rest = null
    else if (rest !== null && Date.now() - restAt > REST_EVERY_MS) load()
    /** @type {Map<string, number>} */
    const ranks = new Map()
    for (const alert of room.topic('alerts').values()) {
      if (alert.scope === 'sku' && alert.condition !== 'ended' && rank(alert) <= 3) ranks.set(alert.scope_id, Math.min(rank(alert), ranks.get(alert.scope_id) ?? 9))
    }
    fillSkus(find(document, '#sku-rows'), rows, { ranks, nowMs: now.knownMs, zone: now.zone, currency: now.currency }, rest ?? [])
    show(find(document, '#sku-none'), rows.length === 0)
    show(find(document, '#sku-more'), more > 0)
    put(find(document, '#sku-more'), rest === null ? t('console.sku.more', { n: more }) : t('console.sku.less', { n: rest.length }))
    attr(find(document, '.sku-card'), 'data-state', room.frozen ? 'stale' : null)
    const seen = Math.max(0, ...rows.map((row) => row.stock_seen_ms ?? 0))
    put(find(document, '#sku-note'), rows.length === 0 ? '' : seen > 0 ? t('console.sku.note', { age: age(now.nowMs - seen) }) : t('console.sku.note_plain'))
    drawTab('sku', [...ranks.values()])
  }
  room.onSession.push(() => { rest = null; names = null })
  room.draws(['skus', 'alerts', 'session'], draw)
  room.ticks(draw)
  find(document, '#sku-more').addEventListener('click', () => {
    if (rest === null) load()
    else { rest = null; room.redraw(['skus']) }
  })
}

/** @param {string} room @returns {Promise<Map<string, string> | null>} SKU -> what the workspace calls it */
async function namesOf (room) {
  const body = await read(`/api/products?room=${encodeURIComponent(room)}`)
  return body && new Map(body.rows.map((/** @type {{ sku: string, name: string }} */ row) => [row.sku, row.name]))
}

/** @param {Room} room */
export function messagesPart (room) {
  let held = RUNNING
  const draw = (/** @type {Moment} */ now) => {
    const { rows, waiting } = shown(held, room.topic('messages'))
    fillMessages(find(document, '#messages'), rows, now.zone)
    show(find(document, '#messages-none'), rows.length === 0)
    const still = held.held !== null
    attr(find(document, '#messages-hold'), 'aria-pressed', String(still))
    put(find(document, '#messages-hold-text'), t(still ? 'console.messages.resume' : 'console.messages.hold'))
    const perMinute = room.topic('readings').get('comments_60s@session')
    put(find(document, '#messages-note'), still ? t('console.messages.held', { n: waiting }) : perMinute?.value != null ? t('console.messages.note', { n: number(perMinute.value) }) : '')
  }
  const toggle = () => {
    held = held.held ? RUNNING : hold(room.topic('messages'))
    room.redraw(['messages'])
  }
  room.onSession.push(() => { held = RUNNING })
  room.draws(['messages'], draw)
  room.ticks(draw)
  find(document, '#messages-hold').addEventListener('click', toggle)
  room.shell.keys.on(' ', 'shell.key.hold', toggle, 'Space')
}

/** @param {Room} room */
export function groupPart (room) {
  room.draws(['deliveries', 'channels', 'session'], (now) => {
    fillChannels(find(document, '#group-channels'), room.topic('channels').values(), now.zone)
    const deliveries = room.topic('deliveries')
    fillGroup(find(document, '#group-list'), deliveries.values(), now.zone)
    show(find(document, '#group-none'), deliveries.size === 0)
    put(find(document, '#group-note'), now.head && now.head.kind !== 'live' ? t('console.group.drill') : deliveries.size > 0 ? t('console.group.n', { n: deliveries.size }) : '')
  })
}
