/**
 * The past of the session: six charts under one cursor, the lane of what happened above them, the same as a table.
 *
 * @import { Alert, Prompt } from '../../types/frames.js'
 * @import { Trend, View } from '../desk/trends.js'
 * @import { Moment } from '../desk/tiles.js'
 * @import { Chosen, Mark } from '../desk/timeline.js'
 * @import { PlotEvents } from '../charts/plot.js'
 * @import { AlertsPart } from './console_alerts.js'
 * @import { Room } from './console_room.js'
 */

import { library } from '../charts/library.js'
import { Plot } from '../charts/plot.js'
import { isSpoken } from '../desk/alerts.js'
import { byRisk, riskiest } from '../desk/skus.js'
import { alertMarks, promptMarks, stretches } from '../desk/timeline.js'
import { extent, gaps, rowTimes, skuOf, trends } from '../desk/trends.js'
import { UNSET, jumped } from '../feed/clock.js'
import { pages, read } from '../feed/pages.js'
import { t } from '../words.js'
import { attr, find, put, show } from '../views/dom.js'
import { Lane } from '../views/lane.js'
import { fillEvents, fillNumbers } from '../views/history_table.js'
import { fillHead, fillSkuChoice, model } from '../views/trends.js'
import { pressed } from './console_room.js'

const CHART_EVERY_MS = 250
const LOAD_WAIT_MS = 500
const ASK_AGAIN_MS = 5_000
const MARK_PAGES = 10
const RECENT_MINUTES = 40 // of goods whose curve is not shown: a tile may want their last half hour
const METRICS = ['viewers', 'interaction_rate_5m', 'gmv', 'gmv_60s', 'comments_60s', 'bitrate_kbps']
const GOODS = 'metric=sellable&metric=sell_rate&scope=sku'

export class HistoryPart {
  /** @type {View} */ #view = { range: 'all', zoom: null, sku: '' }
  /** @type {number | null} */ #cursor = null
  /** @type {Map<string, Plot>} */ #plots = new Map()
  /** @type {Map<string, Alert>} */ #alerts = new Map()
  /** @type {Map<string, Prompt>} */ #prompts = new Map()
  /** @type {Map<string, number | null>} SKU -> where its older minutes begin, null when all are here */ #goods = new Map()
  /** @type {number | null} where older minutes of the session begin; null when all are here */ #before = null
  /** Whether the newest page is here: until then nothing that is not known is missing. */
  #loaded = false
  /** What is being asked for, also while it waits to be asked for again. @type {Set<string>} */ #loading = new Set()
  /** What of it could not be had so far. @type {Set<string>} */ #missing = new Set()
  /** @type {readonly Trend[]} */ #trends = []
  #clock = UNSET
  #drawnAt = 0
  /** @type {number | null} */ #chartTimer = null
  /** @type {number | null} */ #loadTimer = null
  #pointing = false
  #table = false
  #room
  #alertsPart
  #library = library()
  #lane
  #box = /** @type {HTMLElement} */ (find(document, '#history'))

  /** @param {Room} room @param {AlertsPart} alertsPart */
  constructor (room, alertsPart) {
    this.#room = room
    this.#alertsPart = alertsPart
    this.#lane = new Lane(find(document, '#lane'), {
      onChoose: (chosen) => room.choose(chosen),
      onOpen: (chosen) => this.#open(chosen)
    })
    room.onSession.push(() => this.#begin())
    room.draws(['readings', 'skus', 'alerts', 'prompts', 'rundown', 'gaps', 'limits', 'session', 'rooms', 'history', 'chosen'], () => this.#drawSoon())
    room.ticks(() => this.#drawSoon())
    show(find(document, '#no-charts'), this.#library === null)
    this.#setTable(this.#library === null)
    this.#wire()
  }

  /** @param {string} id @returns {Prompt | undefined} one that has left the board */
  prompt (id) {
    return this.#prompts.get(id)
  }

  #begin () {
    this.#view = { ...this.#view, zoom: null, sku: '' }
    this.#alerts.clear()
    this.#prompts.clear()
    this.#goods.clear()
    this.#missing.clear()
    this.#showMissing()
    this.#before = null
    this.#setLoaded(false)
    if (!this.#room.preparing) this.load()
  }

  /** The newest values go into the past with every frame, so that a hidden tab has no holes. */
  sample () {
    const room = this.#room
    const { clock } = room.feed
    const at = clock.now_ms
    if (jumped(this.#clock, clock) && !room.preparing) {
      if (this.#loaded) this.#loadSoon()
      else this.load()
    }
    this.#clock = clock
    if (at === 0 || !room.session || room.preparing) return
    for (const [key, reading] of room.topic('readings')) room.history.put(key, at, reading.state === 'ok' || reading.state === 'estimated' ? reading.value : null)
    for (const [sku, row] of room.topic('skus')) {
      const kept = this.#goods.has(sku) ? undefined : RECENT_MINUTES
      room.history.put(`sellable@sku:${sku}`, at, row.sellable ?? null, kept)
      room.history.put(`sell_rate@sku:${sku}`, at, row.sell_rate ?? null, kept)
    }
  }

  /** @param {boolean} loaded */
  #setLoaded (loaded) {
    this.#loaded = loaded
    attr(this.#box, 'aria-busy', String(!loaded))
  }

  /** Once for a burst of reasons. */
  #loadSoon () {
    this.#loadTimer ??= window.setTimeout(() => { this.#loadTimer = null; this.load() }, LOAD_WAIT_MS)
  }

  /** Fetch what was before the first frame, while the page was cut off, or where the session's clock leapt over. */
  load () {
    const { session } = this.#room
    if (!session) return
    this.#series(METRICS.map((metric) => `metric=${metric}`).join('&'), (before) => { this.#before = before; this.#setLoaded(true) })
    for (const sku of this.#goods.keys()) this.#loadGoods(sku)
    this.#loadMarks()
  }

  /**
   * @param {string} query
   * @param {(before: number | null) => void} done  where older minutes begin
   * @param {number} [upto]  what was asked for ended here
   */
  async #series (query, done, upto = Infinity) {
    const path = this.#room.api(`/series?${query}`)
    const body = await this.#had(path, () => read(path))
    if (body === null) return
    this.#room.history.load(body.rows)
    done(body.rows.length > 0 && body.before_ms != null && body.before_ms < upto ? body.before_ms : null)
    this.#room.redraw(['history'])
  }

  /**
   * Ask until it is had, with pauses, and say so meanwhile.
   *
   * @template T
   * @param {string} what
   * @param {() => Promise<T | null>} ask
   * @returns {Promise<T | null>} null where it is asked for already, or another session has begun
   */
  async #had (what, ask) {
    const { session } = this.#room
    if (this.#loading.has(what)) return null
    this.#loading.add(what)
    let found = await ask()
    while (found === null && session === this.#room.session) {
      this.#missing.add(what)
      this.#showMissing()
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS))
      if (session === this.#room.session) found = await ask()
    }
    this.#loading.delete(what)
    this.#missing.delete(what)
    this.#showMissing()
    return session === this.#room.session ? found : null
  }

  #showMissing () {
    show(find(document, '#past-missing'), this.#missing.size > 0)
  }

  /** @param {string} sku */
  #loadGoods (sku) {
    if (!this.#goods.has(sku)) this.#goods.set(sku, null)
    this.#series(`${GOODS}&scope_id=${encodeURIComponent(sku)}`, (before) => { this.#goods.set(sku, before) })
  }

  /** Follow the series back, page by page, as far as the view reaches. @param {number} from @param {string} sku */
  #loadOlder (from, sku) {
    if (this.#before !== null && from < this.#before) this.#series(`${METRICS.map((metric) => `metric=${metric}`).join('&')}&to_ms=${this.#before}`, (before) => { this.#before = before }, this.#before)
    const goods = this.#goods.get(sku)
    if (goods != null && from < goods) this.#series(`${GOODS}&scope_id=${encodeURIComponent(sku)}&to_ms=${goods}`, (before) => { this.#goods.set(sku, before) }, goods)
  }

  /** The session's alerts and prompts, of which the board keeps only what still waits. */
  #loadMarks () {
    for (const [path, known] of /** @type {[string, Map<string, any>][]} */ ([[this.#room.api('/alerts'), this.#alerts], [this.#room.api('/prompts'), this.#prompts]])) {
      this.#had(path, () => pages(path, MARK_PAGES)).then((rows) => {
        for (const row of /** @type {{ id: string }[]} */ (rows ?? [])) known.set(row.id, row)
        this.#room.redraw(['history'])
      })
    }
  }

  /** At most four times a second, and in an animation frame. */
  #drawSoon () {
    const wait = this.#drawnAt + CHART_EVERY_MS - performance.now()
    if (wait <= 0) this.#draw()
    else this.#chartTimer ??= window.setTimeout(() => { this.#chartTimer = null; requestAnimationFrame(() => this.#draw()) }, wait)
  }

  #draw () {
    if (document.hidden || !this.#room.session || this.#room.preparing) return
    this.#drawnAt = performance.now()
    const now = this.#room.moment()
    const { from, to } = extent(now, this.#view)
    const row = skuOf(now, this.#view)
    const risky = riskiest(this.#room.topic('skus').values())
    for (const one of [row, risky]) if (one && !this.#goods.has(one.sku)) this.#loadGoods(one.sku)
    this.#loadOlder(from, row?.sku ?? '')
    const alerts = this.#allAlerts()
    this.#trends = trends(now, this.#view, alerts)
    const marks = this.#marks(now, alerts)
    const spans = stretches(this.#room.topic('rundown').get('now'))
    if (!this.#table) this.#drawCharts(now, marks, spans.map((one) => one.from))
    this.#lane.fill({ from, to, nowMs: Math.min(now.nowMs, to), stretches: spans, alerts: marks.alerts, prompts: marks.prompts, chosen: this.#room.chosen })
    fillSkuChoice(find(document, '#chart-sku'), byRisk(this.#room.topic('skus').values()), this.#view.sku, row)
    show(find(document, '#to-live'), this.#view.zoom !== null)
    if (this.#table) {
      fillNumbers(find(document, '#history-numbers'), rowTimes(now, this.#view), this.#trends, now)
      fillEvents(find(document, '#history-events'), [...marks.alerts, ...marks.prompts], spans, now.zone, this.#room.chosen)
    }
  }

  /** @returns {Alert[]} of the whole session; the board knows better */
  #allAlerts () {
    for (const alert of this.#alertsPart.known) this.#alerts.set(alert.id, alert)
    return [...this.#alerts.values()]
  }

  /** @param {Moment} now @param {readonly Alert[]} alerts @returns {{ alerts: Mark[], prompts: Mark[] }} */
  #marks (now, alerts) {
    for (const [id, prompt] of this.#room.topic('prompts')) this.#prompts.set(id, prompt)
    const corrects = (/** @type {string} */ id) => { const alert = this.#alerts.get(id); return alert !== undefined && isSpoken(alert) }
    return { alerts: alertMarks(alerts, now.zone), prompts: promptMarks(this.#prompts.values(), corrects, now.zone) }
  }

  /** @param {Moment} now @param {{ alerts: Mark[], prompts: Mark[] }} marks @param {readonly number[]} begins */
  #drawCharts (now, marks, begins) {
    const { chosen } = this.#room
    const mark = chosen && [...marks.alerts, ...marks.prompts].find((one) => one.chosen.kind === chosen.kind && one.chosen.id === chosen.id)
    const shared = {
      nowMs: now.head?.ended_ms ?? now.nowMs, loadedFrom: this.#loaded ? this.#before ?? 0 : now.nowMs, gaps: gaps(now), marks: begins,
      chosen: mark ? { from: mark.at, to: mark.to } : null, unknownText: t('state.unknown')
    }
    for (const trend of this.#trends) {
      const card = find(document, `[data-chart="${trend.id}"]`)
      fillHead(card, trend, now, this.#cursor)
      this.#plot(trend.id, card)?.fill(model(trend, now, shared, this.#cursor), this.#room.history)
    }
  }

  /** @param {string} id @param {HTMLElement} card @returns {Plot | null} */
  #plot (id, card) {
    if (!this.#library) return null
    let plot = this.#plots.get(id)
    if (!plot) this.#plots.set(id, plot = new Plot(this.#library, find(card, '.chart-plot'), this.#events()))
    return plot
  }

  /** @returns {PlotEvents} */
  #events () {
    return {
      onCursor: (at) => this.#point(at),
      onZoom: (zoom) => { this.#view = { ...this.#view, zoom }; this.#redrawNow() },
      onAlarm: (id) => this.#room.choose(id === null ? null : { kind: 'alert', id })
    }
  }

  /** @param {number | null} at  one cursor over all */
  #point (at) {
    this.#cursor = at
    if (this.#pointing) return
    this.#pointing = true
    requestAnimationFrame(() => {
      this.#pointing = false
      const now = this.#room.moment()
      for (const plot of this.#plots.values()) plot.point(this.#cursor)
      for (const trend of this.#trends) fillHead(find(document, `[data-chart="${trend.id}"]`), trend, now, this.#cursor)
      this.#lane.point(this.#cursor)
    })
  }

  #redrawNow () {
    this.#drawnAt = 0
    this.#room.redraw(['history'])
  }

  /** @param {Chosen} chosen  to where it can be acted on */
  #open (chosen) {
    const to = chosen.kind === 'alert' ? 'alerts' : 'host'
    find(document, `[data-to="${to}"]`).click()
    this.#room.choose(chosen)
    const row = chosen.kind === 'alert' ? document.querySelector(`#alert-list [data-key="${CSS.escape(chosen.id)}"]`) : find(document, '#host-side')
    const target = row?.querySelector('button:not([hidden]):not([disabled])') ?? row
    if (target instanceof HTMLElement) target.focus({ preventScroll: !matchMedia('(max-width: 899px)').matches })
  }

  /** @param {boolean} on */
  #setTable (on) {
    this.#table = on
    attr(this.#box, 'data-view', on ? 'table' : 'charts')
    attr(find(document, '#as-table'), 'aria-pressed', String(on))
    show(find(document, '#history-table'), on)
    show(find(document, '#charts'), !on)
    show(find(document, '#as-table'), this.#library !== null)
  }

  #wire () {
    const choose = (/** @type {Partial<View>} */ change) => { this.#view = { ...this.#view, ...change }; this.#point(null); this.#redrawNow() }
    find(document, '#range').addEventListener('click', (/** @type {Event} */ event) => {
      const button = pressed(event, '[data-range]')
      if (!button) return
      for (const one of document.querySelectorAll('[data-range]')) attr(one, 'aria-pressed', String(one === button))
      choose({ range: /** @type {View['range']} */ (button.dataset.range), zoom: null })
    })
    find(document, '#to-live').addEventListener('click', () => choose({ zoom: null }))
    find(document, '#chart-sku').addEventListener('change', (/** @type {Event} */ event) => choose({ sku: /** @type {HTMLSelectElement} */ (event.target).value }))
    find(document, '#as-table').addEventListener('click', () => { this.#setTable(!this.#table); this.#redrawNow() })
    const events = find(document, '#history-events')
    for (const name of ['pointerover', 'focusin']) {
      events.addEventListener(name, (/** @type {Event} */ event) => {
        const [kind = '', id = ''] = (pressed(event, '[data-key]')?.dataset.key ?? '').split(' ')
        if (kind === 'alert' || kind === 'prompt') this.#room.choose({ kind, id })
      })
    }
    for (const name of ['pointerleave', 'focusout']) events.addEventListener(name, () => this.#room.choose(null))
    put(find(document, '#no-charts'), t('console.charts.missing'))
  }
}
