/**
 * The host's tablet. It shows one card at a time, says what was painted, read and done, and never loses either: without
 * a network the card stays and the answers wait, with the time at which they were given.
 *
 * @import { Words } from '../../types/frames.js'
 * @import { Answer, Card, Cards } from '../feed/cards.js'
 */

import { readBoot } from '../boot.js'
import { Answers, waits } from '../feed/answers.js'
import { topic } from '../feed/board.js'
import { cards, withAnswers } from '../feed/cards.js'
import { sessionNow } from '../feed/clock.js'
import { bounded, keepComfort, readComfort } from '../feed/comfort.js'
import { post } from '../feed/commands.js'
import { forgetLast, keepLast, readLast } from '../feed/last.js'
import { CLOSE_FORBIDDEN, CLOSE_SIGNED_OUT, canSend, linkState } from '../feed/resume.js'
import { cue, startOf } from '../desk/rundown.js'
import { Feed } from '../feed/socket.js'
import { clock, duration } from '../format.js'
import { attr, find, put, show } from '../views/dom.js'
import { fillAnswers, fillLink, fillNext, fillNote, fillStrip, pulse, say } from '../views/tablet.js'
import { authored, t, tOr } from '../words.js'

/** After another card came, taps count only when it has been on the screen this long: nobody answers what they have not seen. */
const ARM_MS = 700
const FLUSH_MS = 5_000
/** 全场慢, 全场快: less is nothing, and more than an hour is another plan than the one that runs. */
const SHIFT_FROM_MS = 5_000
const SHIFT_TO_MS = 3_600_000
const REFUSED_MS = 8_000
const KEEP_MS = 15_000
const MINUTE_MS = 60_000

const { me, room } = readBoot()
if (!room) throw new Error('the page has no room')
const { zone } = room
const host = /** @type {HTMLElement} */ (find(document, '#host'))
const settings = /** @type {HTMLDialogElement} */ (find(document, '#settings'))
const box = /** @type {HTMLElement} */ (find(host, '#cue'))
const band = /** @type {HTMLElement} */ (find(host, '#urgent'))

let comfort = readComfort(localStorage)
/** @type {Answer | null} a card the host asked for and that has not been painted yet */
let pulled = null
/** @type {Cards} */
let on = { urgent: null, current: null, answers: null, next: null, waiting: 0 }
let target = ''
let armedAt = 0
let refusal = { text: '', until: 0 }
let awake = true
let touched = false
let drawing = false
let keeping = false
let gone = false

const answers = new Answers(me.id, localStorage, async (kept, key) => {
  const body = { at_ms: kept.at_ms, ...(kept.word ? { word: kept.word } : {}) }
  const path = `/api/sessions/${encodeURIComponent(kept.session)}/prompts/${encodeURIComponent(kept.prompt)}/${kept.stage}`
  const { ok, code } = await post(path, body, key)
  if (!ok && kept.stage !== 'shown' && !waits(code)) {
    refusal = { text: t('host.refused', { why: tOr(`error.${code}`, code) }), until: performance.now() + REFUSED_MS }
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

const session = () => topic(feed.board, 'session').get('head')
/** Whether what is shown came over this page's own connection, not from what the device had kept. */
const heard = () => feed.board.epoch > 0 || (feed.board.hello !== null && feed.board.hello.session == null)
const now = () => Math.round(sessionNow(feed.clock, Date.now()))

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
  const rundown = topic(feed.board, 'rundown').get('now')
  const segment = cue(rundown, now()).now
  const card = on.current
  attr(host, 'data-show', card ? 'card' : segment ? 'plan' : 'nothing')
  attr(box, 'data-read', card?.read ? '' : null)
  say(box, card ? authored(card.prompt.text) : planned(segment), comfort.size)
  show(band, on.urgent !== null)
  if (on.urgent) say(band, authored(on.urgent.prompt.text), comfort.size)
}

/** @param {{ title: Words, talking_points?: Words } | null} segment @returns {{ text: string, lang: string }} */
function planned (segment) {
  const head = session()
  if (feed.board.hello !== null && head === undefined) return { text: t('host.no_session'), lang: '' }
  if (head?.state === 'ended') return { text: t('host.ended'), lang: '' }
  if (!segment) return { text: head ? t('host.no_cue') : '', lang: '' }
  const points = authored(segment.talking_points)
  return points.text ? points : authored(segment.title)
}

/** What changes with time alone, twice a second; the card is fitted anew where the words beside it took its room. */
function fillMoment () {
  fillTimes()
  fillCue()
}

/** Each write only where a word changed. */
function fillTimes () {
  const at = now()
  const head = session()
  const rundown = topic(feed.board, 'rundown').get('now')
  const where = cue(rundown, at)
  const shift = rundown?.shift_ms ?? 0
  const left = where.now ? `${where.over ? '+' : ''}${duration(Math.abs(where.left))}` : '--:--'
  fillStrip(host, {
    left,
    word: where.now ? t(where.over ? 'host.over' : 'host.left') : '',
    over: where.over,
    item: authored(where.now?.title),
    shift: where.now && Math.abs(shift) >= SHIFT_FROM_MS && Math.abs(shift) < SHIFT_TO_MS ? t(shift > 0 ? 'host.behind' : 'host.ahead', { by: duration(Math.abs(shift)) }) : '',
    drill: head !== undefined && head.kind !== 'live'
  })
  if (on.urgent) put(find(host, '#urgent-left'), !where.now ? '' : where.over ? `${t('host.over')} ${left}` : t('host.urgent_left', { left }))
  put(find(host, '#more'), more(at))
  fillNext(host, upcoming(where.next, rundown), on.waiting > 0 ? t('host.waiting', { n: on.waiting }) : '', on.next !== null)
  fillConnection()
}

/** @param {number} at @returns {string} who sent the card and what became of it here */
function more (at) {
  const card = on.current
  const segment = cue(topic(feed.board, 'rundown').get('now'), at).now
  if (!card) {
    if (session() === undefined) return feed.board.hello ? t('host.no_session_more') : ''
    return segment ? t('host.plan', { title: authored(segment.title).text }) : ''
  }
  const { by, sent_ms: sent, state } = card.prompt
  const minutes = Math.floor(card.age_ms / MINUTE_MS)
  const from = t(minutes > 0 ? 'host.from_age' : 'host.from', { name: by.name, at: clock(sent, zone), age: minutesAgo(minutes) })
  return [from, answered(card), state === 'withdrawn' ? t('host.withdrawn') : ''].filter(Boolean).join(' · ')
}

/** @param {number} minutes @returns {string} */
function minutesAgo (minutes) {
  return minutes < 60 ? t('host.age.minutes', { n: minutes }) : t('host.age.hours', { n: Math.floor(minutes / 60) })
}

/** @param {Card} card @returns {string} */
function answered ({ receipt }) {
  if (receipt?.seen_ms == null) return ''
  const at = clock(receipt.seen_ms, zone)
  return receipt.word ? t('host.said_at', { word: t(`host.${receipt.word}`), at }) : t('host.seen_at', { at })
}

/**
 * @param {import('../../types/frames.js').Segment | null} next
 * @param {import('../../types/frames.js').Rundown | undefined} rundown
 * @returns {{ text: string, lang: string }}  20:52 溯源码怎么查：扫瓶身，看批次
 */
function upcoming (next, rundown) {
  if (!next || !rundown) return { text: rundown ? t('host.last') : '', lang: '' }
  const title = authored(next.title)
  const points = authored(next.talking_points)
  const start = startOf(next, rundown)
  const words = points.text ? `${title.text}${title.lang || document.documentElement.lang !== 'en' ? '：' : ': '}${points.text}` : title.text
  return { text: start === null ? words : `${clock(start, zone, false)} ${words}`, lang: title.lang }
}

function fillConnection () {
  const local = Date.now()
  const state = linkState(feed.link, local)
  const cut = state === 'reconnecting' || state === 'offline' || (last !== null && !heard())
  const minutes = Math.floor((local - feed.clock.at) / MINUTE_MS)
  const since = feed.clock.wall_ms > 0 ? t(minutes > 0 ? 'host.link.cut_age' : 'host.link.cut', { at: clock(feed.clock.now_ms, zone), age: minutesAgo(minutes) }) : t('host.link.cut_never')
  fillLink(host, cut ? 'cut' : state === 'connecting' ? 'connecting' : state === 'late' ? 'late' : 'live', cut ? since : t(`host.link.${state}`))
  for (const link of settings.querySelectorAll('a')) attr(link, 'aria-disabled', canSend(state) ? null : 'true')
  fillNote(find(host, '#note'), note(cut))
}

/** @param {boolean} cut @returns {string} the one thing the host should know about answers and screen */
function note (cut) {
  if (performance.now() < refusal.until) return refusal.text
  if (answers.waiting > 0 && (cut || answers.overdue(now()))) return t('host.queue', { n: answers.waiting })
  if (topic(feed.board, 'health').get('store')?.unsaved_since_ms != null) return t('host.unsaved')
  return awake || touched ? '' : t('host.sleep')
}

/**
 * 送达 is what was painted: two frames after the write, and only while the page can be seen.
 *
 * @param {string} id  of the session
 */
function painted (id) {
  const fresh = [on.urgent, on.current].filter((card) => card !== null && (card.receipt?.shown_ms == null || card.prompt.id === pulled?.prompt))
  if (fresh.length === 0) return
  requestAnimationFrame(() => requestAnimationFrame(() => {
    if (document.hidden || session()?.id !== id) return
    const still = new Set([on.urgent?.prompt.id, on.current?.prompt.id])
    const added = fresh.filter((card) => card !== null && still.has(card.prompt.id)).map((card) => answers.add(id, { prompt: /** @type {Card} */ (card).prompt.id, stage: 'shown', at_ms: now() }))
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
  answers.add(head.id, { prompt: card.prompt.id, stage: what === 'done' ? 'done' : 'seen', at_ms: now(), ...(word ? { word } : {}) })
  draw()
  void answers.flush()
}

function turn () {
  if (on.next) pulled = { prompt: on.next.prompt.id, stage: 'shown', at_ms: now() }
  else refusal = { text: t('host.waiting_first'), until: performance.now() + REFUSED_MS / 2 }
  draw()
}

/** @param {Partial<typeof comfort>} change */
function setComfort (change) {
  comfort = bounded({ ...comfort, ...change })
  keepComfort(localStorage, comfort)
  attr(host, 'data-hand', comfort.hand)
  attr(host, 'data-mirror', comfort.mirror ? '' : null)
  host.style.setProperty('--bright', String(comfort.bright / 100))
  put(find(settings, '#size'), String(comfort.size))
  put(find(settings, '#bright'), `${comfort.bright}%`)
  put(find(settings, '[data-toggle=hand]'), comfort.hand === 'right' ? t('host.hand_right') : t('host.hand_left'))
  attr(find(settings, '[data-toggle=mirror]'), 'aria-pressed', String(comfort.mirror))
  later()
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

/** The tablet is not paired any more: nothing of the room stays on it. */
function leave () {
  gone = true // leaving a page keeps what it shows, and this must not
  forgetLast(localStorage, me.id)
  navigator.serviceWorker?.controller?.postMessage('forget')
  location.replace('/pair?problem=device_revoked')
}

/** Only a secure page (HTTPS, or this machine itself) may keep its files: without it a reload needs the network. */
async function readyForOffline () {
  const word = find(settings, '#offline')
  if (!navigator.serviceWorker) { put(word, t('host.offline.insecure')); return }
  try {
    await navigator.serviceWorker.register('/host/sw.js', { scope: '/host/', updateViaCache: 'none' })
    await navigator.serviceWorker.ready
    put(word, t('host.offline.ready'))
  } catch {
    put(word, t('host.offline.failed')) // no network now, or no room on the device
  }
}

async function stayAwake () {
  try {
    if (document.hidden) return
    const lock = await navigator.wakeLock.request('screen')
    awake = true
    lock.addEventListener('release', () => void stayAwake(), { once: true })
  } catch {
    awake = false // refused, or not a secure page: the note says what to do
  }
}

function fillFull () {
  put(find(settings, '#full'), t(document.fullscreenElement ? 'host.full_off' : 'host.full_on'))
}

/** @param {Event} event */
function onClick (event) {
  const button = event.target instanceof Element ? event.target.closest('button, a') : null
  touched = true
  if (!(button instanceof HTMLElement)) return
  const { answer: what, size, bright, toggle, close } = button.dataset
  if (what) answer(what)
  else if (button.id === 'wait') turn()
  else if (button.id === 'open-settings') settings.showModal()
  else if (close !== undefined) settings.close()
  else if (size) setComfort({ size: comfort.size + Number(size) })
  else if (bright) setComfort({ bright: comfort.bright + Number(bright) })
  else if (toggle === 'hand') setComfort({ hand: comfort.hand === 'left' ? 'right' : 'left' })
  else if (toggle === 'mirror') setComfort({ mirror: !comfort.mirror })
  else if (button.id === 'full') void (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()).catch(() => {})
  else if (button.getAttribute('aria-disabled')) event.preventDefault() // a page that is left now could not come back
}

document.addEventListener('click', onClick)
document.addEventListener('fullscreenchange', fillFull)
document.addEventListener('visibilitychange', () => {
  void stayAwake()
  if (document.hidden) keep()
  later()
})
window.addEventListener('pagehide', keep)
window.addEventListener('online', () => { if (!feed.link.open) feed.open() }) // no need to wait for the next try
find(settings, '#full-row').hidden = !document.fullscreenEnabled
// A swipe back must not take the card away: the guard is put back each time it is used up.
history.pushState(null, '')
window.addEventListener('popstate', () => history.pushState(null, ''))
new ResizeObserver(later).observe(box)
setComfort({})
fillFull()
void stayAwake()
window.setInterval(fillMoment, 500)
window.setInterval(() => void answers.flush(), FLUSH_MS)
window.setInterval(keep, KEEP_MS)
void readyForOffline()
if (last) later()
feed.open()
