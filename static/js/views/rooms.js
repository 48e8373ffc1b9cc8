/**
 * The tiles of the overview and the rail beside them: which room, what is wrong, since when.
 *
 * @import { RoomCard } from '../../types/frames.js'
 * @typedef {{ nowOf: (card: RoomCard) => number, numberOf: (card: RoomCard) => number, curve: (card: RoomCard) => Float64Array, acts: boolean }} RoomsContext
 */

import { ageOf } from '../desk/alerts.js'
import { METRICS, figure, isAcked, isOn, isUnheard, rankOf, stoppedAt, worstOf } from '../desk/rooms.js'
import { brief, clock, duration } from '../format.js'
import { authored, t } from '../words.js'
import { attr, find, keyed, put, putAuthored, show } from './dom.js'
import { Spark } from './spark.js'
import { fillRank } from './tiles.js'

/** @type {WeakMap<Element, Spark>} */
const sparks = new WeakMap()

/** @param {HTMLElement} list @param {readonly RoomCard[]} cards  in order @param {RoomsContext} context */
export function fillRooms (list, cards, context) {
  keyed(list, 'room-row', cards, (card) => card.room, (row, card) => {
    const room = find(row, '.room')
    const now = context.nowOf(card)
    const stopped = stoppedAt(card, now)
    attr(room, 'data-p', rankOf(card) || null)
    attr(room, 'data-state', !isOn(card) ? 'off' : stopped !== null ? 'stale' : 'live')
    put(find(room, '.room-no'), String(context.numberOf(card)))
    const link = find(room, '.room-open')
    put(link, card.name)
    attr(link, 'href', `/rooms/${encodeURIComponent(card.room)}`)
    show(find(room, '.room-mode'), card.session != null && card.kind !== undefined && card.kind !== 'live')
    fillPhase(room, card, now)
    fillWorst(find(room, '.room-worst'), card, now)
    for (const metric of METRICS) fillFigure(find(room, `[data-metric="${metric}"]`), figure(card, metric, now), metric === 'viewers')
    fillCurve(find(room, '.room-spark'), context.curve(card), rankOf(card))
    fillFoot(room, card, stopped, context.acts)
  })
}

/** @param {HTMLElement} room @param {RoomCard} card @param {number} now */
function fillPhase (room, card, now) {
  const segment = authored(card.segment)
  putAuthored(find(room, '.room-segment'), isOn(card) && segment.text ? segment : { text: t(`state.${isUnheard(card) ? 'unknown' : card.state ?? 'none'}`), lang: '' })
  put(find(room, '.room-time'), isOn(card) && card.started_ms != null ? duration(now - card.started_ms) : '')
}

/** @param {HTMLElement} element @param {RoomCard} card @param {number} now */
function fillWorst (element, card, now) {
  const worst = worstOf(card)
  const visible = worst !== null && card.state !== 'ended'
  fillRank(find(element, '.pri'), visible ? Number(worst.severity.slice(1)) : 0)
  putAuthored(find(element, 'p'), visible ? authored(worst.title) : { text: '', lang: '' })
  put(find(element, '.room-age'), visible ? sinceWords(worst, now) : '')
}

/** @param {import('../desk/rooms.js').Worst} worst @param {number} now @returns {string} */
function sinceWords (worst, now) {
  const age = duration(ageOf(worst, now))
  if (worst.condition === 'ended') return t('state.recovered')
  return worst.severity === 'P1' && !isAcked(worst) ? t('overview.since', { age }) : age
}

/** @param {HTMLElement} element @param {import('../desk/rooms.js').Figure} figure @param {boolean} narrow */
function fillFigure (element, { text, shown, full }, narrow) {
  put(element, text)
  attr(element, 'data-long', text.length > (narrow ? 5 : 6) ? '' : null)
  attr(element, 'data-state', shown)
  attr(element, 'title', full || null)
}

/** @param {HTMLCanvasElement} canvas @param {Float64Array} values @param {number} rank */
function fillCurve (canvas, values, rank) {
  let spark = sparks.get(canvas)
  if (!spark) sparks.set(canvas, spark = new Spark(canvas))
  spark.fill({ values, limit: null, colour: rank === 1 ? '--p1' : '--text-2' })
}

/** @param {HTMLElement} room @param {RoomCard} card @param {number | null} stopped @param {boolean} acts */
function fillFoot (room, card, stopped, acts) {
  const more = Math.max(0, (card.listed ?? 0) - 1)
  const words = stopped !== null
    ? [t('state.stopped_at', { at: clock(stopped, card.zone ?? 'Asia/Shanghai') })]
    : isOn(card) ? [tabletWords(card)] : []
  if (isOn(card) && more > 0) words.push(t('overview.more', { n: more }))
  put(find(room, '.room-link'), words.join(' · '))
  show(find(room, '.room-start'), acts && !isOn(card) && card.state !== 'planned' && !isUnheard(card))
}

/** @param {RoomCard} card @returns {string} a drill's made-up tablet counts only where there is no real one */
function tabletWords ({ tablets = 0, simulated = 0 }) {
  if (tablets > 0) return t('overview.tablet.on', { n: tablets })
  return t(simulated ? 'overview.tablet.simulated' : 'overview.tablet.none')
}

/** @param {HTMLElement} list @param {readonly RoomCard[]} cards  those with an alert, worst first @param {(card: RoomCard) => number} nowOf */
export function fillRail (list, cards, nowOf) {
  keyed(list, 'rail-row', cards, (card) => card.room, (row, card) => {
    const worst = worstOf(card)
    if (!worst) return
    const acked = isAcked(worst)
    attr(row, 'data-p', Number(worst.severity.slice(1)))
    attr(row, 'data-state', acked ? 'acked' : worst.condition === 'ended' ? 'back' : 'new')
    fillRank(find(row, '.pri'), Number(worst.severity.slice(1)))
    const title = authored(worst.title)
    putAuthored(find(row, '.alert-text'), { text: t('shell.said', { room: brief(card.name), title: title.text }), lang: title.lang })
    put(find(row, '.alert-age'), duration(ageOf(worst, nowOf(card))))
    putAuthored(find(row, '.alert-do'), authored(worst.action))
    show(find(row, '.alert-ack'), !acked)
    attr(find(row, '.alert-open'), 'href', `/rooms/${encodeURIComponent(card.room)}#alerts`)
    put(find(row, '.alert-note'), acked ? t('overview.acked_by', { who: worst.acked_by ?? '' }) : worst.condition === 'ended' ? t('console.alert.back') : '')
  })
}
