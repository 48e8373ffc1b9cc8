/**
 * The console of one room: follows its board, draws it once a frame, sends what the controller decides.
 */

import { PAST_MS, counts, departed, listed, loudest, proposal, rank, stateOf } from '../desk/alerts.js'
import { topic } from '../feed/board.js'
import { cards } from '../feed/cards.js'
import { UNSET, jumped, sessionNow, wallNow } from '../feed/clock.js'
import { History, thinned } from '../desk/history.js'
import { liveOf } from '../desk/live.js'
import { RUNNING, hold, shown } from '../desk/messages.js'
import { callsOf, chosen, isUnanswered, newest, openCalls, tablets, unread } from '../desk/receipts.js'
import { cue } from '../desk/rundown.js'
import { worse } from '../desk/freshness.js'
import { summaryWords } from '../desk/summary.js'
import { Feed } from '../feed/socket.js'
import { tiles } from '../desk/tiles.js'
import { gaps, marks, trends } from '../desk/trends.js'
import { blindSpots } from '../desk/watch.js'
import { age, clock, duration, number } from '../format.js'
import { readBoot } from '../boot.js'
import { authored, t } from '../words.js'
import { fillAlerts } from '../views/alerts.js'
import { fillCue, fillRundown } from '../views/cue.js'
import { attr, find, put, putAuthored, show } from '../views/dom.js'
import { fillGroup } from '../views/group.js'
import { fillCalls, fillDevice, fillDevices, fillMirror, fillPromptSent, fillQuick, fillReceipts, fillReceiptsOf, fillUnread } from '../views/host.js'
import { fillMessages } from '../views/messages.js'
import { fillSkus } from '../views/skus.js'
import { fillRank, fillTile } from '../views/tiles.js'
import { fillTrend } from '../views/trends.js'
import { fillBlind } from '../views/watch.js'
import { Shell } from './shell.js'

/**
 * @import { Alert, DeviceRow, Prompt, Words } from '../../types/frames.js'
 * @import { Call } from '../desk/receipts.js'
 * @import { Moment } from '../desk/tiles.js'
 * @import { Range } from '../desk/trends.js'
 */

const PROMPT_LENGTH = 60
const CHART_EVERY_MS = 250
const HISTORY_WAIT_MS = 500
const SPARK_MS = 1_800_000
const SPARK_LEAST_MS = 120_000
const SPARK_POINTS = 60
const HOLD_MS = 600
const ANSWERED = 'cueroom.calls'
const SERIES = ['viewers', 'interaction_rate_5m', 'gmv', 'gmv_60s', 'comments_60s', 'sellable', 'bitrate_kbps'].map((metric) => `metric=${metric}`).join('&')

const boot = readBoot()
const room = boot.room ?? { id: '', name: '', platform: '', zone: 'Asia/Shanghai' }
const shell = new Shell(boot, room.zone)
const history = new History()
const page = /** @type {HTMLElement} */ (find(document, '#console'))
const state = {
  dirty: new Set(['all']),
  drawing: false,
  hold: RUNNING,
  /** @type {Range} */ range: 'all',
  /** @type {number | null} */ cursor: null,
  chartsAt: 0,
  /** @type {number | null} */ chartTimer: null,
  /** @type {number | null} */ historyTimer: null,
  clock: UNSET,
  /** @type {DeviceRow | null} */ device: null,
  /** @type {Map<string, number>} */ heard: new Map(),
  listening: false,
  /** @type {ReadonlyMap<string, Alert>} */ alerts: new Map(),
  /** @type {ReadonlyMap<string, Alert>} */ past: new Map(),
  pastOf: '',
  /** @type {Set<string>} */ ackedHere: new Set(),
  /** @type {Set<string>} */ answered: new Set(JSON.parse(sessionStorage.getItem(ANSWERED) ?? '[]')),
  session: '',
  shape: '',
  urgent: false,
  guideOff: sessionStorage.getItem('cueroom.guide') === 'off',
  guideSeen: 0,
  /** @type {Set<string>} */ busy: new Set(),
  /** @type {number | null} */ pairExpires: null,
  /** @type {ReadonlySet<string>} */ paired: new Set()
}

const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
const feed = new Feed(`${scheme}://${location.host}/ws/rooms/${encodeURIComponent(room.id)}?audience=control`, {
  onChange: (changed) => { if (changed.has('alerts')) keepPast(); redraw(changed) },
  onFrame: () => { shell.loaded(); sample() },
  onLink: () => { shell.showLink(Date.now()); redraw(['devices']) },
  onCaughtUp: (deltas) => { shell.caughtUp(deltas); loadHistory() },
  onRefused: (code) => shell.refused(code)
})
shell.feed = feed

/** @returns {Moment} */
function moment () {
  const head = topic(feed.board, 'session').get('head')
  const local = Date.now()
  const { lostAt, open } = feed.link
  const cut = lostAt !== null && !open
  const nowMs = sessionNow(feed.clock, local)
  return { board: feed.board, history, nowMs, knownMs: cut ? feed.clock.now_ms : nowMs, cutMs: cut ? Math.max(1, local - feed.clock.at) : 0, zone: head?.zone ?? room.zone, currency: head?.currency ?? 'CNY', head }
}

/** @param {Iterable<string>} topics  draw them in the next animation frame, all at once */
function redraw (topics) {
  for (const name of topics) state.dirty.add(name)
  if (state.drawing) return
  state.drawing = true
  requestAnimationFrame(() => {
    state.drawing = false
    const dirty = state.dirty
    state.dirty = new Set()
    draw(dirty)
  })
}

/** @param {Set<string>} dirty */
function draw (dirty) {
  const now = moment()
  const shape = `${now.head?.id} ${now.head?.state} ${now.head?.kind}`
  if (shape === state.shape) dirty.delete('session') // its head counts events: new with every delta, and nothing to draw
  state.shape = shape
  const any = (/** @type {string[]} */ ...names) => dirty.has('all') || names.some((name) => dirty.has(name))
  if (any('session', 'hello')) drawSession(now)
  if (any('rundown', 'session')) drawCue(now, true)
  if (any('alerts', 'prompts', 'deliveries', 'session')) drawAlerts(now)
  if (any('rules', 'sources', 'session')) drawBlind(now)
  if (any('skus', 'alerts')) drawSkus(now)
  if (any('messages')) drawMessages(now)
  if (any('devices')) drawPaired()
  if (any('prompts', 'devices', 'rundown')) drawHost(now)
  if (any('quick')) fillQuick(find(document, '#quick'), [...topic(feed.board, 'quick')])
  if (any('deliveries', 'session')) drawGroup(now)
  if (any('guide', 'session')) drawGuide(now)
  if (any('health', 'session')) drawMode(now)
  if (any('session', 'history')) drawTiles(now)
  if (any('readings', 'skus', 'alerts', 'rundown', 'gaps', 'session', 'rooms', 'history')) drawCharts()
}

/** @param {Moment} now */
function drawSession (now) {
  const id = feed.board.hello?.session ?? ''
  const head = now.head
  attr(page, 'data-session', head ? head.state : 'none')
  const idle = !head || head.state === 'ended' || head.state === 'planned'
  attr(find(document, '#cue'), 'data-idle', idle ? '' : null)
  const over = head?.state === 'ended'
  put(find(document, '#cue-idle-text'), over ? t('console.ended', { at: clock(head.ended_ms ?? now.nowMs, now.zone) }) : head?.state === 'planned' ? t('state.planned') : t('console.idle'))
  put(find(document, '#cue-sum'), over ? summaryWords(head.summary ?? {}, head.currency) : '')
  show(find(document, '#cue-start'), !head || head.kind === 'live')
  shell.useZone(now.zone)
  shell.ownClock = head !== undefined && head.kind !== 'live'
  if (head && head.id !== state.session) {
    state.session = head.id
    state.guideSeen = 0
    state.hold = RUNNING
    state.heard.clear()
    state.listening = false
    history.clear()
    loadHistory()
  }
  if (id === '') state.session = ''
}

/** @param {Moment} now */
function drawMode (now) {
  const since = topic(feed.board, 'health').get('store')?.unsaved_since_ms
  shell.setMode(since != null ? 'unsaved' : now.head && now.head.kind !== 'live' ? 'drill' : '')
  show(find(document, '#unsaved'), since != null)
  put(find(document, '#unsaved'), since != null ? t('shell.unsaved', { at: clock(since, now.zone) }) : '')
}

/** @param {Moment} now @param {boolean} [rows] */
function drawCue (now, rows = false) {
  const rundown = topic(feed.board, 'rundown').get('now')
  if (rows) {
    fillRundown(find(document, '#rundown'), rundown, now.zone)
    const at = cue(rundown, now.nowMs)
    setOff(find(document, '#cue-next'), !at.next)
    setOff(find(document, '#cue-back'), !rundown?.segments.some((segment) => segment.state === 'done'))
  }
  fillCue(find(document, '#cue'), rundown, cue(rundown, now.nowMs))
}

/** @param {HTMLButtonElement} button @param {boolean} off */
function setOff (button, off) {
  attr(button, 'data-off', off ? '' : null)
  shell.guard(button)
}

/** @param {Moment} now */
function drawTiles (now) {
  const from = Math.max(now.nowMs - SPARK_MS, Math.min(now.head?.started_ms ?? 0, now.nowMs - SPARK_LEAST_MS))
  for (const model of tiles(now)) {
    const element = find(document, `[data-tile="${model.id}"]`)
    fillTile(element, model, thinned(history.span(model.series, from, now.nowMs), SPARK_POINTS))
  }
}

function drawCharts () {
  const wait = state.chartsAt + CHART_EVERY_MS - performance.now()
  if (wait > 0) {
    state.chartTimer ??= window.setTimeout(() => { state.chartTimer = null; requestAnimationFrame(drawCharts) }, wait)
    return
  }
  if (document.hidden) return
  state.chartsAt = performance.now()
  const now = moment()
  const shared = { marks: marks(now), gaps: gaps(now), cursor: state.cursor, zone: now.zone, onCursor: setCursor }
  for (const trend of trends(now, state.range, state.cursor)) fillTrend(find(document, `[data-chart="${trend.id}"]`), trend, shared)
}

/** @param {number | null} at */
function setCursor (at) {
  state.cursor = at
  state.chartsAt = 0
  requestAnimationFrame(drawCharts)
}

/** Alerts that left the board stay as one line; in another session, or where the board leaves some out, nothing is known of them. */
function keepPast () {
  const after = topic(feed.board, 'alerts')
  const head = topic(feed.board, 'session').get('head')
  const same = head !== undefined && head.id === state.pastOf && !head.alerts_more
  state.past = same ? departed(state.past, state.alerts, after, feed.clock.now_ms, (id) => (state.ackedHere.has(id) ? boot.me.name : '')) : new Map()
  state.alerts = after
  state.pastOf = head?.id ?? ''
}

/** @param {Moment} now @returns {Alert[]} newest first */
function pastRows (now) {
  return [...state.past.values()].filter((alert) => now.nowMs - (alert.ended_ms ?? 0) < PAST_MS).sort((a, b) => (b.ended_ms ?? 0) - (a.ended_ms ?? 0))
}

/** @param {Moment} now */
function drawAlerts (now) {
  const alerts = topic(feed.board, 'alerts')
  const rows = listed(alerts.values())
  const list = find(document, '#alert-list')
  fillAlerts(list, [...rows, ...pastRows(now)], { live: (alert) => liveOf(now, alert), prompts: topic(feed.board, 'prompts').values(), deliveries: topic(feed.board, 'deliveries').values(), nowMs: now.nowMs, zone: now.zone, busy: (id) => state.busy.has(id) })
  for (const button of list.querySelectorAll('[data-cmd]')) shell.guard(button)
  show(find(document, '#alerts-none'), list.children.length === 0)
  put(find(document, '#alerts-note'), rows.length > 0 ? t('console.alerts.note', { n: rows.length }) : '')
  shell.setCounts(counts(rows))
  shell.heed(rows)
  drawStrip(now)
  drawTab('alerts', rows.filter((alert) => stateOf(alert) === 'new').map(rank), rows.length)
}

/** @param {Moment} now */
function drawBlind (now) {
  const spots = now.head?.state === 'live' ? blindSpots(topic(feed.board, 'rules'), topic(feed.board, 'sources').values(), topic(feed.board, 'skus'), now.nowMs, now.zone) : []
  fillBlind(find(document, '#blind'), spots)
}

/** @param {Moment} now */
function drawStrip (now) {
  const alert = loudest(topic(feed.board, 'alerts').values())
  const fixable = alert && proposal(alert) === 'correct' && ![...topic(feed.board, 'prompts').values()].some((prompt) => prompt.alert === alert.id)
  shell.setStrip(alert && { alert, room: room.name, nowMs: now.nowMs, fix: fixable ? { text: t('console.alert.correct') } : null, open: '#alerts' })
}

/** @param {string} id @param {readonly number[]} ranks @param {number} [n] */
function drawTab (id, ranks, n = 0) {
  const tab = find(document, `[data-to="${id}"]`)
  fillRank(find(tab, '.pri'), ranks.length > 0 && Math.min(...ranks) <= 3 ? Math.min(...ranks) : 0)
  put(find(tab, '.tab-n'), n > 0 ? String(n) : '')
}

/** @param {Moment} now */
function drawSkus (now) {
  const rows = [...topic(feed.board, 'skus').values()]
  /** @type {Map<string, number>} */
  const ranks = new Map()
  for (const alert of topic(feed.board, 'alerts').values()) {
    if (alert.scope === 'sku' && alert.condition !== 'ended' && rank(alert) <= 3) ranks.set(alert.scope_id, Math.min(rank(alert), ranks.get(alert.scope_id) ?? 9))
  }
  fillSkus(find(document, '#sku-rows'), rows, { ranks, nowMs: now.knownMs, zone: now.zone, currency: now.currency })
  show(find(document, '#sku-none'), rows.length === 0)
  attr(find(document, '.sku-card'), 'data-state', worse('live', now.cutMs) === 'stale' ? 'stale' : null)
  const seen = Math.max(0, ...rows.map((row) => row.stock_seen_ms ?? 0))
  put(find(document, '#sku-note'), rows.length === 0 ? '' : seen > 0 ? t('console.sku.note', { age: age(now.nowMs - seen) }) : t('console.sku.note_plain'))
  drawTab('sku', [...ranks.values()])
}

/** @param {Moment} now */
function drawMessages (now) {
  const messages = topic(feed.board, 'messages')
  const { rows, waiting } = shown(state.hold, messages)
  fillMessages(find(document, '#messages'), rows, now.zone)
  show(find(document, '#messages-none'), rows.length === 0)
  const held = state.hold.held !== null
  attr(find(document, '#messages-hold'), 'aria-pressed', String(held))
  put(find(document, '#messages-hold-text'), t(held ? 'console.messages.resume' : 'console.messages.hold'))
  const perMinute = topic(feed.board, 'readings').get('comments_60s@session')
  put(find(document, '#messages-note'), held ? t('console.messages.held', { n: waiting }) : perMinute?.value != null ? t('console.messages.note', { n: number(perMinute.value) }) : '')
}

/** @param {Moment} now */
function drawHost (now) {
  const prompts = [...topic(feed.board, 'prompts').values()]
  const devices = tablets(topic(feed.board, 'devices').values())
  const device = chosen(devices, state.device)
  if (device && !device.simulated) state.device = device // a real one stays in view when it goes away
  const known = device && !devices.some((one) => one.id === device.id) ? [...devices, device] : devices
  fillDevices(find(document, '#device'), find(document, '#device-name'), known, device?.id ?? '')
  fillDevice(find(document, '#device-state'), device, wallNow(feed.clock, Date.now()))
  drawMirror(now, prompts, device)
  const last = newest(prompts)
  fillReceipts(find(document, '#receipts'), last, now.nowMs)
  fillReceiptsOf(find(document, '#receipts-of'), last)
  fillPromptSent(find(document, '#prompt-sent'), last, now.zone)
  show(find(document, '#prompt-withdraw'), last !== null && isUnanswered(last))
  fillUnread(find(document, '#unread'), unread(prompts)[0], now.nowMs)
  hear(prompts)
  const open = waitingCalls(prompts)
  fillCalls(find(document, '#call'), open, now.zone)
  shell.heedCalls(open.map((call) => call.key))
  drawTab('host', unread(prompts).length + open.length > 0 ? [2] : [], open.length)
}

/** @param {readonly Prompt[]} prompts @returns {Call[]} what hosts need and neither a prompt nor 知道了 has answered */
function waitingCalls (prompts) {
  return openCalls(prompts, state.heard).filter((call) => !state.answered.has(`${state.session} ${call.key}`))
}

/** A call that comes while the page looks on is of this moment, however old its receipt. @param {readonly Prompt[]} prompts */
function hear (prompts) {
  if (state.session === '') return
  for (const call of callsOf(prompts)) {
    if (!state.heard.has(call.key)) state.heard.set(call.key, state.listening ? Math.max(call.at, feed.clock.now_ms) : call.at)
  }
  state.listening = true
}

/** @param {Moment} now @param {Prompt[]} prompts @param {DeviceRow | null} device */
function drawMirror (now, prompts, device) {
  const at = cue(topic(feed.board, 'rundown').get('now'), now.nowMs)
  fillMirror(find(document, '#mirror'), cards(prompts, device?.id ?? '', now.nowMs), {
    left: at.now ? (at.over ? `+${duration(-at.left)}` : duration(at.left)) : '', next: authored(at.next?.title)
  })
}

/** @param {Moment} now */
function drawGroup (now) {
  const deliveries = topic(feed.board, 'deliveries')
  fillGroup(find(document, '#group-list'), deliveries.values(), now.zone)
  show(find(document, '#group-none'), deliveries.size === 0)
  put(find(document, '#group-note'), now.head && now.head.kind !== 'live' ? t('console.group.drill') : deliveries.size > 0 ? t('console.group.n', { n: deliveries.size }) : '')
}

/** @param {Moment} now */
function drawGuide (now) {
  const guide = topic(feed.board, 'guide').get('line')
  const visible = now.head?.kind === 'demo' && guide !== undefined && !state.guideOff && guide.at_ms > state.guideSeen
  show(find(document, '#guide'), visible)
  if (!visible) return
  putAuthored(find(document, '#guide-line'), authored(guide.line))
  putAuthored(find(document, '#guide-hint'), authored(guide.hint))
}

/** The newest values go into the past with every frame, so that a hidden tab has no holes. */
function sample () {
  const at = feed.clock.now_ms
  if (jumped(state.clock, feed.clock)) loadHistorySoon()
  state.clock = feed.clock
  if (at === 0 || !state.session) return
  for (const [key, reading] of topic(feed.board, 'readings')) history.put(key, at, reading.state === 'ok' || reading.state === 'estimated' ? reading.value : null)
  for (const [sku, row] of topic(feed.board, 'skus')) history.put(`sellable@sku:${sku}`, at, row.sellable ?? null)
}

/** Once for a burst of reasons: the clock of a lead-in leaps with every frame. */
function loadHistorySoon () {
  state.historyTimer ??= window.setTimeout(() => { state.historyTimer = null; loadHistory() }, HISTORY_WAIT_MS)
}

/** Fetch what was before the first frame, while the page was cut off, or where the session's clock leapt over. */
async function loadHistory () {
  const session = state.session
  if (!session) return
  const response = await fetch(`/api/sessions/${encodeURIComponent(session)}/series?${SERIES}`, { credentials: 'same-origin' }).catch(() => null)
  if (!response?.ok || session !== state.session) return
  const body = await response.json()
  history.load(body.rows)
  redraw(['history'])
}

/** Once a second, on the server's second: figures, ages, countdowns. */
function tick () {
  const local = Date.now()
  shell.tick(local)
  if (!document.hidden) {
    const now = moment()
    drawCue(now)
    drawTiles(now)
    drawAlerts(now)
    drawHost(now)
    drawSkus(now)
    drawMessages(now)
    drawBlind(now)
    drawCharts()
    drawPairing()
  }
  setTimeout(tick, 1000 - (wallNow(feed.clock, Date.now()) % 1000) + 5)
}

/** @param {string} path @returns {string} */
function api (path) {
  return `/api/sessions/${encodeURIComponent(state.session)}${path}`
}

/** @param {Alert} alert @param {HTMLButtonElement | null} button @param {'ack' | 'unack'} what */
async function acknowledge (alert, button, what) {
  if (state.busy.has(alert.id) || !shell.acts) return
  state.busy.add(alert.id)
  if (what === 'ack') state.ackedHere.add(alert.id) // the board may drop it before the answer is here
  await shell.command(button, api(`/alerts/${encodeURIComponent(alert.id)}/${what}`), { expects: alert.version }, () => {
    const undo = { text: t('common.undo'), act: () => { const now = topic(feed.board, 'alerts').get(alert.id); if (now) acknowledge(now, null, 'unack') } }
    shell.say(t(what === 'ack' ? 'console.acked' : 'console.unacked'), what === 'ack' ? undo : null)
  })
  state.busy.delete(alert.id)
  redraw(['alerts'])
}

/** @param {Alert} alert @param {HTMLButtonElement | null} button  its draft goes to the host */
function sendDraft (alert, button) {
  const correction = proposal(alert) === 'correct'
  sendPrompt({ text: alert.host ?? {}, level: correction ? 'urgent' : 'normal', alert: alert.id }, button)
}

/** @param {{ text: Words, level: string, alert?: string, quick?: string }} prompt @param {HTMLButtonElement | null} button */
async function sendPrompt (prompt, button) {
  if (!shell.acts || !state.session) return false
  const answer = await shell.command(button, api('/prompts'), prompt, () => shell.say(t(prompt.level === 'urgent' ? 'console.prompt.sent_urgent' : 'console.prompt.sent')))
  return answer.ok
}

/** @param {'next' | 'back'} to @param {HTMLButtonElement} button */
function moveRundown (to, button) {
  const rundown = topic(feed.board, 'rundown').get('now')
  if (!rundown || button.disabled || !shell.acts) return
  const title = authored(target(to)?.title).text
  shell.command(button, api(`/rundown/${to}`), { expects: rundown.version }, () => shell.say(t('console.cue.moved', { title })))
}

/** @param {'next' | 'back'} to @returns {import('../../types/frames.js').Segment | undefined} where it would go */
function target (to) {
  const segments = topic(feed.board, 'rundown').get('now')?.segments ?? []
  return to === 'next' ? segments.find((segment) => segment.state === 'next') : segments.filter((segment) => segment.state === 'done').at(-1)
}

/** @param {'next' | 'back'} to  by key: asked first, a slip of the finger must not change every screen */
async function moveByKey (to) {
  const title = authored(target(to)?.title).text
  const button = find(document, to === 'next' ? '#cue-next' : '#cue-back')
  if (!title || button.disabled || !shell.acts) return
  if (await shell.sure(t(to === 'next' ? 'console.cue.sure_next' : 'console.cue.sure_back', { title }), t('console.cue.sure_text'), t(to === 'next' ? 'console.cue.next' : 'console.cue.back'))) moveRundown(to, button)
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

async function pair () {
  const dialog = /** @type {HTMLDialogElement} */ (find(document, '#pair-dialog'))
  if (!dialog.open) {
    state.paired = new Set([...topic(feed.board, 'devices').values()].filter((device) => device.connected).map((device) => device.id))
    dialog.showModal()
  }
  show(find(dialog, '#pair-error'), false)
  await shell.command(find(dialog, '#pair-again'), '/api/devices/code', { room: room.id }, ({ body }) => {
    put(find(dialog, '#pair-code'), String(body.code).replace(/^(...)/, '$1 '))
    const link = find(dialog, '#pair-url')
    link.href = body.url
    put(link, body.url)
    find(dialog, '#pair-qr').src = `data:image/svg+xml,${encodeURIComponent(body.qr)}`
    state.pairExpires = body.expires_ms
    drawPairing()
  })
}

function drawPairing () {
  if (state.pairExpires === null) return
  const left = state.pairExpires - wallNow(feed.clock, Date.now())
  attr(find(document, '#pair-body'), 'data-expired', left <= 0 ? '' : null)
  put(find(document, '#pair-left'), left > 0 ? t('console.pair.left', { left: duration(left) }) : t('console.pair.expired'))
}

/** The dialog has done its work when a tablet joins that was not here as it opened. */
function drawPaired () {
  const dialog = /** @type {HTMLDialogElement} */ (find(document, '#pair-dialog'))
  if (!dialog.open) return
  const joined = [...topic(feed.board, 'devices').values()].find((device) => device.connected && !device.simulated && !state.paired.has(device.id))
  if (!joined) return
  state.device = joined
  dialog.close()
  shell.say(t('console.pair.done', { name: joined.name }))
}

/** @param {Event} event @param {string} selector @returns {HTMLButtonElement | null} */
function pressed (event, selector) {
  return event.target instanceof Element ? event.target.closest(selector) : null
}

function wireAlerts () {
  const list = find(document, '#alert-list')
  list.addEventListener('click', (/** @type {Event} */ event) => {
    const row = pressed(event, '.alert')
    const alert = row && topic(feed.board, 'alerts').get(row.dataset.key ?? '')
    const button = pressed(event, 'button')
    if (!alert || !button) return
    if (button.matches('.alert-ack')) acknowledge(alert, button, 'ack')
    else if (button.matches('.alert-unack')) acknowledge(alert, button, 'unack')
    else sendDraft(alert, button)
  })
  const loud = () => loudest(topic(feed.board, 'alerts').values())
  shell.onAck = () => { const alert = loud(); if (alert) acknowledge(alert, find(document, '#strip-ack'), 'ack') }
  shell.onFix = () => { const alert = loud(); if (alert) sendDraft(alert, find(document, '#strip-fix')) }
}

function wireCue () {
  find(document, '#cue-next').addEventListener('click', () => moveRundown('next', find(document, '#cue-next')))
  find(document, '#cue-back').addEventListener('click', () => moveRundown('back', find(document, '#cue-back')))
  onHold(find(document, '#cue-end'), () => shell.command(find(document, '#cue-end'), api('/end'), {}, () => shell.say(t('console.cue.ended'))))
  find(document, '#cue-start').addEventListener('click', () => shell.command(find(document, '#cue-start'), '/api/sessions', { room: room.id }, () => shell.say(t('console.started'))))
}

function wireHost () {
  const text = /** @type {HTMLInputElement} */ (find(document, '#prompt-text'))
  const urgent = /** @type {HTMLButtonElement} */ (find(document, '#prompt-urgent'))
  const button = /** @type {HTMLButtonElement} */ (find(document, '#prompt-send'))
  const length = () => [...text.value].length
  const setUrgent = (/** @type {boolean} */ on) => { state.urgent = on; attr(urgent, 'aria-pressed', String(on)) }
  text.addEventListener('input', (event) => {
    if (!(event instanceof InputEvent && event.isComposing) && length() > PROMPT_LENGTH) text.value = [...text.value].slice(0, PROMPT_LENGTH).join('')
    put(find(document, '#prompt-n'), length() > 0 ? t('console.prompt.left', { n: length() }) : '')
  })
  urgent.addEventListener('click', () => setUrgent(!state.urgent))
  find(document, '#compose').addEventListener('submit', async (/** @type {Event} */ event) => {
    event.preventDefault()
    const words = text.value.trim()
    if (words === '') { shell.say(t('console.prompt.empty')); text.focus(); return }
    if (await sendPrompt({ text: { 'zh-CN': words }, level: state.urgent ? 'urgent' : 'normal' }, button) && text.value.trim() === words) {
      text.value = ''
      put(find(document, '#prompt-n'), '')
      setUrgent(false)
    }
  })
  const quick = find(document, '#quick')
  quick.addEventListener('click', (/** @type {Event} */ event) => { const one = pressed(event, 'button'); if (one) sendQuick(one.dataset.key ?? '', one) })
  find(document, '#device').addEventListener('change', (/** @type {Event} */ event) => {
    const id = /** @type {HTMLSelectElement} */ (event.target).value
    state.device = topic(feed.board, 'devices').get(id) ?? state.device
    redraw(['devices'])
  })
  find(document, '#call-ok').addEventListener('click', () => {
    for (const call of waitingCalls([...topic(feed.board, 'prompts').values()])) state.answered.add(`${state.session} ${call.key}`)
    sessionStorage.setItem(ANSWERED, JSON.stringify([...state.answered]))
    redraw(['prompts'])
  })
  find(document, '#prompt-withdraw').addEventListener('click', () => {
    const last = newest(topic(feed.board, 'prompts').values())
    if (last) shell.command(find(document, '#prompt-withdraw'), api(`/prompts/${encodeURIComponent(last.id)}/withdraw`), {}, () => shell.say(t('console.prompt.withdrawn')))
  })
  find(document, '#pair').addEventListener('click', pair)
  find(document, '#pair-again').addEventListener('click', pair)
  find(document, '#pair-dialog').addEventListener('close', () => { state.pairExpires = null })
}

/** @param {string} key @param {HTMLButtonElement} button */
function sendQuick (key, button) {
  const prompt = topic(feed.board, 'quick').get(key)
  if (prompt && !button.disabled) sendPrompt({ text: prompt.text, level: prompt.level ?? 'normal', quick: prompt.id }, button)
}

function wirePanels () {
  const tabs = [...document.querySelectorAll('#tabs [role="tab"]')]
  const choose = (/** @type {HTMLElement} */ tab) => {
    attr(page, 'data-tab', tab.dataset.to ?? '')
    for (const one of tabs) {
      attr(one, 'aria-selected', String(one === tab))
      attr(one, 'tabindex', one === tab ? 0 : -1)
    }
  }
  find(document, '#tabs').addEventListener('click', (/** @type {Event} */ event) => { const tab = pressed(event, '[role="tab"]'); if (tab) choose(tab) })
  find(document, '#tabs').addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0
    const at = tabs.indexOf(/** @type {Element} */ (document.activeElement))
    if (step === 0 || at < 0) return
    const next = /** @type {HTMLElement} */ (tabs[(at + step + tabs.length) % tabs.length])
    choose(next)
    next.focus()
  })
  document.addEventListener('click', (event) => {
    if (!pressed(event, 'a[href="#alerts"]')) return
    choose(/** @type {HTMLElement} */ (tabs[0]))
    find(document, '#alert-list').focus({ preventScroll: true })
  })
  find(document, '#drawer').addEventListener('click', () => {
    const low = find(document, '#low')
    const open = low.dataset.drawer !== 'closed'
    low.dataset.drawer = open ? 'closed' : 'open'
    attr(find(document, '#drawer'), 'aria-expanded', String(!open))
    put(find(document, '#drawer'), t(open ? 'console.group.show' : 'console.group.hide'))
  })
  find(document, '#range').addEventListener('click', (/** @type {Event} */ event) => {
    const button = pressed(event, '[data-range]')
    if (!button) return
    state.range = /** @type {Range} */ (button.dataset.range)
    for (const one of document.querySelectorAll('[data-range]')) attr(one, 'aria-pressed', String(one === button))
    setCursor(null)
  })
  find(document, '#guide-ok').addEventListener('click', () => {
    state.guideSeen = topic(feed.board, 'guide').get('line')?.at_ms ?? 0
    redraw(['guide'])
  })
  find(document, '#guide-off').addEventListener('click', () => {
    state.guideOff = true
    sessionStorage.setItem('cueroom.guide', 'off')
    redraw(['guide'])
  })
  find(document, '#messages-hold').addEventListener('click', toggleHold)
}

function toggleHold () {
  state.hold = state.hold.held ? RUNNING : hold(topic(feed.board, 'messages'))
  redraw(['messages'])
}

function wireKeys () {
  const { keys } = shell
  keys.on(' ', 'shell.key.hold', toggleHold, 'Space')
  keys.on(']', 'shell.key.next', () => moveByKey('next'))
  keys.on('[', 'shell.key.back', () => moveByKey('back'))
  keys.on('ctrl+enter', 'shell.key.send', () => find(document, '#compose').requestSubmit(), 'Ctrl Enter')
  keys.on('alt+digit', 'shell.key.quick', (n) => { const button = document.querySelector(`#quick [data-n="${n}"]`); if (button instanceof HTMLButtonElement) sendQuick(button.dataset.key ?? '', button) }, 'Alt 1–9')
}

wireAlerts()
wireCue()
wireHost()
wirePanels()
wireKeys()
shell.onTheme = () => { state.chartsAt = 0; redraw(['all']) }
document.addEventListener('visibilitychange', () => { if (!document.hidden) redraw(['all']) })
feed.open()
tick()
