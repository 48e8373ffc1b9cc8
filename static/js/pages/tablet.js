/**
 * The host's tablet. It shows one card at a time, says what was painted, read and done, and never loses either: without
 * a network the card stays and the answers wait, with the time at which they were given.
 *
 * @import { Answer, Card, Cards } from '../feed/cards.js'
 */

import { readBoot } from '../boot.js'
import { Answers, waits } from '../feed/answers.js'
import { topic } from '../feed/board.js'
import { cards, withAnswers } from '../feed/cards.js'
import { sessionNow } from '../feed/clock.js'
import { post } from '../feed/commands.js'
import { forgetLast, keepLast, readLast } from '../feed/last.js'
import { CLOSE_FORBIDDEN, CLOSE_SIGNED_OUT, canSend, linkState } from '../feed/resume.js'
import { cutSince, headOf, more, planned, segmentOf, strip, upcoming, urgentLeft } from '../desk/beside.js'
import { Feed } from '../feed/socket.js'
import { attr, find, put, show } from '../views/dom.js'
import { fillAnswers, fillLink, fillNext, fillNote, fillStrip, pulse, say } from '../views/tablet.js'
import { authored, t, tOr } from '../words.js'
import { Device } from './tablet_device.js'

/** After another card came, taps count only when it has been on the screen this long: nobody answers what they have not seen. */
const ARM_MS = 700
const FLUSH_MS = 5_000
const REFUSED_MS = 8_000
const KEEP_MS = 15_000

const { me, room } = readBoot()
if (!room) throw new Error('the page has no room')
const { zone } = room
const host = /** @type {HTMLElement} */ (find(document, '#host'))
const box = /** @type {HTMLElement} */ (find(host, '#cue'))
const band = /** @type {HTMLElement} */ (find(host, '#urgent'))

/** @type {Answer | null} a card the host asked for and that has not been painted yet */
let pulled = null
/** @type {Cards} */
let on = { urgent: null, current: null, answers: null, next: null, waiting: 0 }
let target = ''
let armedAt = 0
let refusal = { text: '', until: 0 }
let touched = false
let drawing = false
let keeping = false
let gone = false

const answers = new Answers(me.id, localStorage, async (kept, key) => {
  const body = { at_ms: kept.at_ms, ...(kept.word ? { word: kept.word } : {}) }
  const path = `/api/sessions/${encodeURIComponent(kept.session)}/prompts/${encodeURIComponent(kept.prompt)}/${kept.stage}`
  const { ok, code, body: said } = await post(path, body, key)
  if (!ok && kept.stage !== 'shown' && !waits(code)) {
    const why = tOr(`error.${code}`, said?.detail ?? code, { ...said, ...said?.context })
    refusal = { text: t('host.refused', { why }), until: performance.now() + REFUSED_MS }
  }
  later()
  return { ok, code }
})

const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
const feed = new Feed(`${scheme}://${location.host}/ws/rooms/${encodeURIComponent(room.id)}?audience=tablet`, {
  onChange: () => {
    later()
    keepSoon()
  },
  onLink: () => {
    if (canSend(linkState(feed.link, Date.now()))) void answers.flush()
    later()
  },
  onCaughtUp: () => void navigator.serviceWorker?.getRegistration('/host/').then((worker) => worker?.update()).catch(() => {}), // a server that came back may be a new build
  onRefused: (code) => {
    if (code === CLOSE_SIGNED_OUT || code === CLOSE_FORBIDDEN) leave()
  }
})
const last = readLast(localStorage, me.id, Date.now())
if (last) Object.assign(feed, last)

const device = new Device(host, /** @type {HTMLDialogElement} */ (find(document, '#settings')), later)
const session = () => headOf(feed.board)
/** Whether what is shown came over this page's own connection, not from what the device had kept. */
const heard = () => feed.board.epoch > 0 || (feed.board.hello !== null && feed.board.hello.session == null)
const now = () => Math.round(sessionNow(feed.clock, Date.now()))
const moment = () => ({ board: feed.board, at: now(), zone })

/** Draw with the next frame of the screen, once. */
function later () {
  if (drawing) return
  drawing = true
  requestAnimationFrame(() => {
    drawing = false
    draw()
  })
}

function draw () {
  const head = session()
  const prompts = [...topic(feed.board, 'prompts').values()]
  if (head) answers.settle(head.id, prompts)
  const given = head ? [...answers.of(head.id), ...(pulled ? [pulled] : [])] : []
  on = cards(withAnswers(prompts, me.id, given), me.id, now())
  aim()
  fillAnswers(host, on.answers, on.urgent !== null, performance.now() >= armedAt)
  fillMoment()
  if (head) painted(head.id)
}

/** Note that another card has the answer row, so that the next tap waits until it has been seen. */
function aim () {
  const id = on.answers?.prompt.id ?? ''
  if (id === target) return
  target = id
  if (id === '') return
  armedAt = performance.now() + ARM_MS
  window.setTimeout(later, ARM_MS)
  pulse(on.urgent ? band : box)
}

function fillCue () {
  const card = on.current
  const at = moment()
  attr(host, 'data-show', card ? 'card' : segmentOf(at) ? 'plan' : 'nothing')
  attr(box, 'data-read', card?.read ? '' : null)
  say(box, card ? authored(card.prompt.text) : planned(at), device.size)
  show(band, on.urgent !== null)
  if (on.urgent) say(band, authored(on.urgent.prompt.text), device.size)
}

/** What changes with time alone, twice a second; the card is fitted anew where the words beside it took its room. */
function fillMoment () {
  fillTimes()
  fillCue()
}

/** Each write only where a word changed. */
function fillTimes () {
  const at = moment()
  fillStrip(host, strip(at))
  if (on.urgent) put(find(host, '#urgent-left'), urgentLeft(at))
  put(find(host, '#more'), more(on.current, at))
  fillNext(host, upcoming(at), on.waiting > 0 ? t('host.waiting', { n: on.waiting }) : '', on.next !== null)
  fillConnection()
}

function fillConnection () {
  const local = Date.now()
  const state = linkState(feed.link, local)
  const cut = state === 'reconnecting' || state === 'offline' || (last !== null && !heard())
  fillLink(host, cut ? 'cut' : state === 'connecting' ? 'connecting' : state === 'late' ? 'late' : 'live', cut ? cutSince(feed.clock, local, zone) : t(`host.link.${state}`))
  device.letLeave(canSend(state))
  fillNote(find(host, '#note'), note(cut))
}

/** @param {boolean} cut @returns {string} the one thing the host should know about answers and screen */
function note (cut) {
  if (performance.now() < refusal.until) return refusal.text
  if (answers.waiting > 0 && (cut || answers.overdue(now()))) return t('host.queue', { n: answers.waiting })
  if (topic(feed.board, 'health').get('store')?.unsaved_since_ms != null) return t('host.unsaved')
  return device.awake || touched ? '' : t('host.sleep')
}

/** @returns {Card[]} those on the screen of which nobody has been told yet that they are */
function untold () {
  return [on.urgent, on.current].filter((card) => card !== null).filter((card) => card.receipt?.shown_ms == null || card.prompt.id === pulled?.prompt)
}

/**
 * 送达 is what was painted: two frames after the write, and only while the page can be seen.
 *
 * @param {string} id  of the session
 */
function painted (id) {
  const written = new Set(untold().map((card) => card.prompt.id))
  if (written.size === 0) return
  requestAnimationFrame(() => requestAnimationFrame(() => {
    if (document.hidden || gone || session()?.id !== id) return
    // Asked again: a card that was written twice in these frames may be told, taken and on the board by now.
    const added = untold().filter((card) => written.has(card.prompt.id)).map((card) => answers.add(id, { prompt: card.prompt.id, stage: 'shown', at_ms: now() }))
    pulled = null
    if (added.includes(true)) {
      later()
      void answers.flush()
    }
  }))
}

/** @param {string} what  a button's data-answer */
function answer (what) {
  const card = on.answers
  const head = session()
  if (!card || !head || card.prompt.id !== target || performance.now() < armedAt) return
  const word = what === 'help' || what === 'out_of_stock' || what === 'repeat' ? what : undefined
  if (what === 'seen' && card.read) return
  if (word && word === card.receipt?.word) return // it stands already
  answers.add(head.id, { prompt: card.prompt.id, stage: what === 'done' ? 'done' : 'seen', at_ms: now(), ...(word ? { word } : {}) })
  draw()
  void answers.flush()
}

function turn () {
  if (on.next) pulled = { prompt: on.next.prompt.id, stage: 'shown', at_ms: now() }
  else refusal = { text: t('host.waiting_first'), until: performance.now() + REFUSED_MS / 2 }
  draw()
}

function keep () {
  if (heard() && !gone) keepLast(localStorage, me.id, feed)
}

/** A burst of changes is one write. */
function keepSoon () {
  if (keeping) return
  keeping = true
  window.setTimeout(() => {
    keeping = false
    keep()
  }, 1000)
}

/** The tablet is not paired any more: nothing of the room stays on it, no card, no answer and no file. */
function leave () {
  gone = true // leaving a page keeps what it shows, and this must not
  forgetLast(localStorage, me.id)
  answers.forget()
  navigator.serviceWorker?.controller?.postMessage('forget')
  location.replace('/pair?problem=device_revoked')
}

/** @param {Event} event */
function onClick (event) {
  const button = event.target instanceof Element ? event.target.closest('button, a') : null
  touched = true
  if (!(button instanceof HTMLElement)) return
  const what = button.dataset.answer
  if (what) answer(what)
  else if (button.id === 'wait') turn()
  else if (button.getAttribute('aria-disabled')) event.preventDefault() // a page that is left now could not come back
  else device.press(button)
}

document.addEventListener('click', onClick)
document.addEventListener('visibilitychange', () => {
  if (document.hidden) keep()
  later()
})
window.addEventListener('pagehide', keep)
window.addEventListener('online', () => { if (!feed.link.open) feed.open() }) // no need to wait for the next try
// A swipe back must not take the card away: the guard is put back each time it is used up.
history.pushState(null, '')
window.addEventListener('popstate', () => history.pushState(null, ''))
new ResizeObserver(later).observe(box)
device.begin()
window.setInterval(fillMoment, 500)
window.setInterval(() => void answers.flush(), FLUSH_MS)
window.setInterval(keep, KEEP_MS)
if (last) later()
feed.open()
