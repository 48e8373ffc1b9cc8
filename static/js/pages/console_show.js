/**
 * The show itself: what is on and how long still, the session's state, 演练解说, and that the next loop gets ready.
 *
 * @import { Segment } from '../../types/frames.js'
 * @import { Moment } from '../desk/tiles.js'
 * @import { Room } from './console_room.js'
 */

import { cue } from '../desk/rundown.js'
import { summaryWords } from '../desk/summary.js'
import { clock } from '../format.js'
import { authored, t } from '../words.js'
import { fillCue, fillRundown } from '../views/cue.js'
import { attr, find, put, putAuthored, show } from '../views/dom.js'

const HOLD_MS = 600
const GUIDE_OFF = 'cueroom.guide'

/** @param {Room} room */
export function showPart (room) {
  const { shell } = room
  let guideOff = sessionStorage.getItem(GUIDE_OFF) === 'off'
  let guideSeen = 0
  room.onSession.push(() => { guideSeen = 0 })
  room.draws(['session', 'hello'], (now) => drawSession(room, now))
  room.draws(['rundown', 'session'], (now) => drawCue(room, now, true))
  room.draws(['health', 'session'], (now) => drawMode(room, now))
  room.draws(['guide', 'session'], (now) => {
    const guide = room.topic('guide').get('line')
    const visible = now.head?.kind === 'demo' && !room.preparing && guide !== undefined && !guideOff && guide.at_ms > guideSeen
    show(find(document, '#guide'), visible)
    if (!visible) return
    putAuthored(find(document, '#guide-line'), authored(guide.line))
    putAuthored(find(document, '#guide-hint'), authored(guide.hint))
  })
  room.ticks((now) => drawCue(room, now))

  find(document, '#cue-next').addEventListener('click', () => moveRundown(room, 'next', find(document, '#cue-next')))
  find(document, '#cue-back').addEventListener('click', () => moveRundown(room, 'back', find(document, '#cue-back')))
  onHold(find(document, '#cue-end'), () => shell.command(find(document, '#cue-end'), room.api('/end'), {}, () => shell.say(t('console.cue.ended'))))
  find(document, '#cue-start').addEventListener('click', () => shell.command(find(document, '#cue-start'), '/api/sessions', { room: room.room.id }, () => shell.say(t('console.started'))))
  find(document, '#guide-ok').addEventListener('click', () => {
    guideSeen = room.topic('guide').get('line')?.at_ms ?? 0
    room.redraw(['guide'])
  })
  find(document, '#guide-off').addEventListener('click', () => {
    guideOff = true
    sessionStorage.setItem(GUIDE_OFF, 'off')
    room.redraw(['guide'])
  })
  shell.keys.on(']', 'shell.key.next', () => moveByKey(room, 'next'))
  shell.keys.on('[', 'shell.key.back', () => moveByKey(room, 'back'))
}

/** @param {Room} room @param {Moment} now */
function drawSession (room, now) {
  const { head } = now
  attr(room.page, 'data-session', head ? head.state : 'none')
  attr(room.page, 'data-preparing', room.preparing ? '' : null)
  room.page.inert = room.preparing
  show(find(document, '#preparing'), room.preparing)
  const idle = !head || head.state === 'ended' || head.state === 'planned'
  attr(find(document, '#cue'), 'data-idle', idle ? '' : null)
  const over = head?.state === 'ended'
  put(find(document, '#cue-idle-text'), over ? t('console.ended', { at: clock(head.ended_ms ?? now.nowMs, now.zone) }) : head?.state === 'planned' ? t('state.planned') : t('console.idle'))
  put(find(document, '#cue-sum'), over ? summaryWords(head.summary ?? {}, head.currency) : '')
  show(find(document, '#cue-start'), !head || head.kind === 'live')
  room.shell.useZone(now.zone)
  room.shell.ownClock = head !== undefined && head.kind !== 'live' && !room.preparing
}

/** @param {Room} room @param {Moment} now */
function drawMode (room, now) {
  const store = room.topic('health').get('store')
  const since = store?.unsaved_since_ms
  room.shell.setMode(since != null ? 'unsaved' : now.head && now.head.kind !== 'live' ? 'drill' : '')
  show(find(document, '#unsaved'), since != null)
  if (since == null) return
  const at = clock(since, now.zone)
  put(find(document, '#unsaved'), store?.reason === 'disk_full' ? t('shell.disk_full', { at }) : t('shell.unsaved', { at }))
}

/** @param {Room} room @param {Moment} now @param {boolean} [rows] */
function drawCue (room, now, rows = false) {
  const rundown = room.topic('rundown').get('now')
  const at = cue(rundown, now.nowMs)
  if (rows) {
    fillRundown(find(document, '#rundown'), rundown, now.zone)
    setOff(room, find(document, '#cue-next'), !at.next)
    setOff(room, find(document, '#cue-back'), !rundown?.segments.some((segment) => segment.state === 'done'))
  }
  fillCue(find(document, '#cue'), rundown, at)
}

/** @param {Room} room @param {HTMLButtonElement} button @param {boolean} off */
function setOff (room, button, off) {
  attr(button, 'data-off', off ? '' : null)
  room.shell.guard(button)
}

/** @param {Room} room @param {'next' | 'back'} to @returns {Segment | undefined} where it would go */
function target (room, to) {
  const segments = room.topic('rundown').get('now')?.segments ?? []
  return to === 'next' ? segments.find((segment) => segment.state === 'next') : segments.filter((segment) => segment.state === 'done').at(-1)
}

/** @param {Room} room @param {'next' | 'back'} to @param {HTMLButtonElement} button */
function moveRundown (room, to, button) {
  const rundown = room.topic('rundown').get('now')
  if (!rundown || button.disabled || !room.shell.acts) return
  const title = authored(target(room, to)?.title).text
  room.shell.command(button, room.api(`/rundown/${to}`), { expects: rundown.version }, () => room.shell.say(t('console.cue.moved', { title })))
}

/** @param {Room} room @param {'next' | 'back'} to  by key: asked first, a slip of the finger must not change every screen */
async function moveByKey (room, to) {
  const { shell } = room
  const title = authored(target(room, to)?.title).text
  const button = find(document, to === 'next' ? '#cue-next' : '#cue-back')
  if (!title || button.disabled || !shell.acts) return
  if (await shell.sure(t(to === 'next' ? 'console.cue.sure_next' : 'console.cue.sure_back', { title }), t('console.cue.sure_text'), t(to === 'next' ? 'console.cue.next' : 'console.cue.back'))) moveRundown(room, to, button)
}

/** @param {HTMLButtonElement} button @param {() => void} act  after it was held */
function onHold (button, act) {
  /** @type {number | undefined} */
  let timer
  const start = () => {
    if (button.disabled || timer !== undefined) return
    button.dataset.held = ''
    timer = window.setTimeout(() => { stop(); act() }, HOLD_MS)
  }
  const stop = () => {
    clearTimeout(timer)
    timer = undefined
    delete button.dataset.held
  }
  button.addEventListener('pointerdown', start)
  for (const name of ['pointerup', 'pointerleave', 'pointercancel', 'blur', 'keyup']) button.addEventListener(name, stop)
  button.addEventListener('keydown', (event) => { if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); if (!event.repeat) start() } })
  button.addEventListener('contextmenu', (event) => event.preventDefault())
}
