/**
 * Which room needs me? One tile a room, the worst alert of each beside them.
 */

import { topic } from '../feed/board.js'
import { wallNow } from '../feed/clock.js'
import { read } from '../feed/pages.js'
import { History, readingKey, thinned } from '../desk/history.js'
import { METRICS, byUrgency, heldOrder, isAcked, isOn, isUnheard, worstOf } from '../desk/rooms.js'
import { clock } from '../format.js'
import { Feed } from '../feed/socket.js'
import { readBoot } from '../boot.js'
import { t } from '../words.js'
import { attr, find, put, show } from '../views/dom.js'
import { fillRail, fillRooms } from '../views/rooms.js'
import { Shell } from './shell.js'

/** @import { Alert, Reading, RoomCard } from '../../types/frames.js' */

/** The zone that the server leaves out. */
const SHANGHAI = 'Asia/Shanghai'
const SPARK_MS = 1_800_000
const SPARK_LEAST_MS = 120_000
const SPARK_POINTS = 80
const SPARK_MINUTES = SPARK_MS / 60_000 + 1
const ASK_AGAIN_MS = 10_000
const SERIES = METRICS.map((metric) => `metric=${metric}`).join('&')
const ORDER = 'cueroom.order'

const boot = readBoot()
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone
const shell = new Shell(boot, zone)
const state = {
  drawing: false,
  worstFirst: localStorage.getItem(ORDER) === 'worst',
  /** @type {{ ids: readonly string[], at: number }} */ order: { ids: [], at: -Infinity },
  /** @type {Map<string, { session: string, history: History }>} */ pasts: new Map(),
  /** Rooms whose past could not be had so far. @type {Set<string>} */ missing: new Set()
}
const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
const feed = new Feed(`${scheme}://${location.host}/ws/overview`, {
  onChange: () => { heed(); redraw() },
  onFrame: () => { shell.loaded(); sample() },
  onLink: () => shell.showLink(Date.now()),
  onCaughtUp: (deltas) => shell.caughtUp(deltas),
  onRefused: (code) => shell.refused(code)
})
shell.feed = feed

/** @returns {RoomCard[]} in the order of the workspace, where the page knows it */
function cards () {
  const place = new Map(boot.rooms.map((room, i) => [room.id, i]))
  return [...topic(feed.board, 'rooms').values()].map((row) => /** @type {RoomCard} */ (/** @type {unknown} */ (row)))
    .sort((a, b) => (place.get(a.room) ?? 1e3) - (place.get(b.room) ?? 1e3))
}

/** @param {RoomCard} card @returns {number} what its session's clock reads now */
function nowOf (card) {
  const since = wallNow(feed.clock, Date.now()) - (card.clock_wall_ms ?? 0)
  return Math.round((card.clock_session_ms ?? 0) + (card.rate ?? 1) * since)
}

function redraw () {
  if (state.drawing) return
  state.drawing = true
  requestAnimationFrame(() => { state.drawing = false; draw() })
}

function draw () {
  const all = cards()
  const numbers = new Map(all.map((card, i) => [card.room, i + 1]))
  state.order = heldOrder(state.order, all, Date.now())
  const place = new Map(state.order.ids.map((id, i) => [id, i]))
  const ordered = state.worstFirst ? [...all].sort((a, b) => (place.get(a.room) ?? 0) - (place.get(b.room) ?? 0)) : all
  const list = find(document, '#rooms')
  fillRooms(list, ordered.map(withLast), { nowOf, numberOf: (card) => numbers.get(card.room) ?? 0, curve, acts: shell.acts })
  ordered.forEach((card, i) => fillSession(/** @type {Element} */ (list.children[i]), card))
  fillDemo(all.find((card) => card.kind === 'demo' && isOn(card) && !card.with_room))
  const alarmed = byUrgency(all).filter((card) => isOn(card) && worstOf(card))
  fillRail(find(document, '#rail'), alarmed, nowOf)
  show(find(document, '#rail-none'), alarmed.length === 0)
  show(find(document, '#rooms-none'), all.length === 0)
  const heard = all.filter((card) => !isUnheard(card))
  const live = heard.filter(isOn).length
  const notes = [heard.length > 0 ? t('overview.note', { live, off: heard.length - live }) : '', state.missing.size > 0 ? t('console.charts.missed') : '']
  put(find(document, '#over-note'), notes.filter(Boolean).join(' · '))
  attr(find(document, '#rooms'), 'data-n', all.length)
  for (const button of document.querySelectorAll('.rooms [data-cmd], .rail [data-cmd]')) shell.guard(/** @type {HTMLButtonElement} */ (button))
  drawShell(all)
}

/** @param {RoomCard} card @returns {RoomCard} with the last known value where a reading has stopped */
function withLast (card) {
  const past = pastOf(card)
  if (!past) return card
  const readings = Object.entries(card.readings ?? {}).map(([metric, row]) => {
    const reading = /** @type {Reading} */ (row)
    const stopped = reading.value == null && reading.state === 'unknown' && reading.seen_ms != null
    return [metric, stopped ? { ...reading, value: past.last(keyOf(reading)) } : reading]
  })
  return { ...card, readings: Object.fromEntries(readings) }
}

/** @param {Element} row @param {RoomCard} card  what a tile says of the session it shares, and of a drill's own clock */
function fillSession (row, card) {
  const drill = isOn(card) && (card.kind ?? 'live') !== 'live'
  put(find(row, '.room-clock'), drill ? clock(nowOf(card), card.zone ?? SHANGHAI) : '')
  show(find(row, '.room-with'), Boolean(card.with_room) && isOn(card))
  put(find(row, '.room-with'), card.with_room ? t('overview.with', { room: card.with_room }) : '')
}

/** @param {RoomCard | undefined} card  of the drill that plays */
function fillDemo (card) {
  const link = find(document, '#over-demo')
  show(link, card !== undefined)
  if (!card) return
  put(link, t('overview.demo', { room: card.name }))
  attr(link, 'href', `/rooms/${encodeURIComponent(card.room)}`)
}

/** @param {Reading} reading @returns {string} */
function keyOf (reading) {
  return readingKey(reading.metric, reading.scope, reading.scope_id)
}

/** @param {RoomCard} card @returns {History | null} */
function pastOf (card) {
  const past = state.pasts.get(card.room)
  return past && past.session === card.session ? past.history : null
}

/** @param {readonly RoomCard[]} all @returns {RoomCard[]} those whose worst alert nobody acknowledged, worst first */
function waitingOf (all) {
  return byUrgency(all).filter((card) => { const worst = worstOf(card); return isOn(card) && worst && !isAcked(worst) })
}

/** What is heard, and stands in the tab's title: also where nobody looks, and no frame is drawn. */
function heed () {
  const all = cards()
  const sum = (/** @type {string} */ p) => all.reduce((n, card) => n + (isOn(card) ? card.counts?.[p] ?? 0 : 0), 0)
  shell.setCounts([sum('P1'), sum('P2'), sum('P3')])
  shell.heed(waitingOf(all).map((card) => /** @type {Alert} */ (worstOf(card))))
}

/** @param {RoomCard[]} all */
function drawShell (all) {
  shell.useZone(all[0] ? all[0].zone ?? SHANGHAI : zone)
  const loud = waitingOf(all).find((card) => { const worst = worstOf(card); return worst && (worst.severity === 'P1' || (worst.severity === 'P2' && worst.condition !== 'ended')) })
  shell.setStrip(loud ? { alert: /** @type {Alert} */ (worstOf(loud)), room: loud.name, nowMs: nowOf(loud), fix: null, open: `/rooms/${encodeURIComponent(loud.room)}#alerts` } : null)
  shell.onAck = () => { if (loud) acknowledge(loud, find(document, '#strip-ack')) }
}

/** @param {RoomCard} card @returns {Float64Array} viewers of the last half hour */
function curve (card) {
  const past = pastOf(card)
  const now = nowOf(card)
  const reading = card.readings?.viewers
  if (!past || !reading) return new Float64Array(0)
  const from = Math.max(now - SPARK_MS, Math.min(card.started_ms ?? 0, now - SPARK_LEAST_MS))
  return thinned(past.span(keyOf(reading), from, now), SPARK_POINTS)
}

function sample () {
  for (const card of cards()) {
    if (!card.session || !isOn(card)) continue
    let past = state.pasts.get(card.room)
    if (past?.session !== card.session) {
      past = { session: card.session, history: new History() }
      state.pasts.set(card.room, past)
      load(card, past.history)
    }
    for (const metric of METRICS) {
      const reading = card.readings?.[metric]
      if (reading) past.history.put(keyOf(reading), nowOf(card), reading.state === 'ok' ? reading.value : null, SPARK_MINUTES)
    }
  }
}

/** @param {RoomCard} card @param {History} history */
async function load (card, history) {
  const from = nowOf(card) - SPARK_MS
  const body = await read(`/api/sessions/${encodeURIComponent(card.session ?? '')}/series?${SERIES}&from_ms=${from}`)
  if (state.pasts.get(card.room)?.history !== history) return
  if (body === null) {
    state.missing.add(card.room)
    setTimeout(() => load(card, history), ASK_AGAIN_MS)
  } else {
    state.missing.delete(card.room)
    history.load(body.rows)
  }
  redraw()
}

/** @param {RoomCard} card @param {HTMLButtonElement} button */
function acknowledge (card, button) {
  const worst = worstOf(card)
  if (!worst || !shell.acts) return
  const path = `/api/sessions/${encodeURIComponent(card.session ?? '')}/alerts/${encodeURIComponent(worst.id)}`
  shell.command(button, `${path}/ack`, { expects: worst.version }, () => {
    shell.say(t('console.acked'), { text: t('common.undo'), act: () => shell.command(null, `${path}/unack`, {}, () => shell.say(t('console.unacked'))) })
  })
}

function wire () {
  find(document, '#rooms').addEventListener('click', (/** @type {MouseEvent} */ event) => {
    const target = /** @type {Element} */ (event.target)
    const row = target.closest('li')
    const start = /** @type {HTMLButtonElement | null} */ (target.closest('.room-start'))
    if (start && row) shell.command(start, '/api/sessions', { room: row.dataset.key }, () => location.assign(`/rooms/${encodeURIComponent(row.dataset.key ?? '')}`))
  })
  find(document, '#rail').addEventListener('click', (/** @type {MouseEvent} */ event) => {
    const target = /** @type {Element} */ (event.target)
    const button = /** @type {HTMLButtonElement | null} */ (target.closest('.alert-ack'))
    const card = cards().find((one) => one.room === /** @type {HTMLElement | null} */ (target.closest('.alert'))?.dataset.key)
    if (button && card) acknowledge(card, button)
  })
  find(document, '#order').addEventListener('click', (/** @type {MouseEvent} */ event) => {
    const button = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest('[data-order]'))
    if (button) setOrder(button.dataset.order === 'worst')
  })
}

/** @param {boolean} worstFirst */
function setOrder (worstFirst) {
  state.worstFirst = worstFirst
  state.order = { ids: [], at: -Infinity }
  localStorage.setItem(ORDER, worstFirst ? 'worst' : 'fixed')
  for (const one of document.querySelectorAll('[data-order]')) attr(one, 'aria-pressed', String((/** @type {HTMLElement} */ (one).dataset.order === 'worst') === worstFirst))
  redraw()
}

function tick () {
  shell.tick(Date.now())
  if (!document.hidden) draw()
  setTimeout(tick, 1000 - (wallNow(feed.clock, Date.now()) % 1000) + 5)
}

wire()
setOrder(state.worstFirst)
shell.onTheme = redraw
document.addEventListener('visibilitychange', () => { if (!document.hidden) redraw() })
feed.open()
tick()
