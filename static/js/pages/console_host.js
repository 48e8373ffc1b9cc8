/**
 * What the host sees and answers: the mirror of a tablet, prompts and their receipts, calls, and pairing a tablet.
 *
 * @import { Alert, DeviceRow, Prompt, Words } from '../../types/frames.js'
 * @import { Call } from '../desk/receipts.js'
 * @import { Moment } from '../desk/tiles.js'
 * @import { Room } from './console_room.js'
 */

import { promptFor, proposal } from '../desk/alerts.js'
import { callsOf, chosen, isUnanswered, newest, openCalls, tablets, unread } from '../desk/receipts.js'
import { cue } from '../desk/rundown.js'
import { cards } from '../feed/cards.js'
import { duration } from '../format.js'
import { authored, language, t } from '../words.js'
import { attr, find, put, show } from '../views/dom.js'
import { fillCalls, fillDevice, fillDevices, fillMirror, fillPromptSent, fillQuick, fillReceipts, fillReceiptsOf, fillUnread } from '../views/host.js'
import { drawTab } from './console_panels.js'
import { pressed } from './console_room.js'

const PROMPT_LENGTH = 60
const ON_THE_BOARD_MS = 5_000 // by then the board has what was sent, and its alert offers it no more
const ANSWERED = 'cueroom.calls'

export class HostPart {
  /** @type {DeviceRow | null} */ #device = null
  /** @type {Map<string, number>} */ #heard = new Map()
  #listening = false
  /** Alerts whose draft is on its way, from any button. @type {Set<string>} */ #drafts = new Set()
  /** @type {Set<string>} */ #answered = new Set(JSON.parse(sessionStorage.getItem(ANSWERED) ?? '[]'))
  #urgent = false
  /** @type {number | null} */ #pairExpires = null
  /** @type {ReadonlySet<string>} */ #paired = new Set()
  /** A prompt of before the board's last thirty, by its id. @type {(id: string) => Prompt | undefined} */ older = () => undefined
  #room

  /** @param {Room} room */
  constructor (room) {
    this.#room = room
    room.onSession.push(() => { this.#heard.clear(); this.#drafts.clear(); this.#listening = false })
    room.draws(['devices'], () => this.#drawPaired())
    room.draws(['prompts', 'devices', 'rundown', 'chosen'], (now) => this.#draw(now))
    room.draws(['quick'], () => fillQuick(find(document, '#quick'), [...room.topic('quick')]))
    room.ticks((now) => { this.#draw(now); this.#drawPairing() })
    room.heeds(() => this.#heed())
    this.#wirePrompts()
    this.#wireDevices()
  }

  /** @param {Moment} now */
  #draw (now) {
    const room = this.#room
    const prompts = this.#prompts
    const devices = tablets(room.topic('devices').values())
    const device = chosen(devices, this.#device)
    if (device && !device.simulated) this.#device = device // a real one stays in view when it goes away
    const known = device && !devices.some((one) => one.id === device.id) ? [...devices, device] : devices
    fillDevices(find(document, '#device'), find(document, '#device-name'), known, device?.id ?? '')
    fillDevice(find(document, '#device-state'), device, room.wall)
    this.#drawMirror(now, prompts, device)
    this.#drawReceipts(now, prompts)
    fillUnread(find(document, '#unread'), unread(prompts)[0], now.nowMs)
    const open = this.#waitingCalls(prompts)
    fillCalls(find(document, '#call'), open, now.zone)
    drawTab('host', unread(prompts).length + open.length > 0 ? [2] : [], open.length)
  }

  /** @returns {Prompt[]} of the board; none of them is of this moment while the next loop gets ready */
  get #prompts () {
    return this.#room.preparing ? [] : [...this.#room.topic('prompts').values()]
  }

  #heed () {
    const prompts = this.#prompts
    this.#hear(prompts)
    this.#room.shell.heedCalls(this.#waitingCalls(prompts).map((call) => call.key))
  }

  /** Of the prompt chosen in the lane, else of the newest. @param {Moment} now @param {readonly Prompt[]} prompts */
  #drawReceipts (now, prompts) {
    const { chosen } = this.#room
    const last = newest(prompts)
    const picked = chosen?.kind === 'prompt' ? prompts.find((prompt) => prompt.id === chosen.id) ?? this.older(chosen.id) : undefined
    const shown = picked ?? last
    fillReceipts(find(document, '#receipts'), shown, now.nowMs)
    fillReceiptsOf(find(document, '#receipts-of'), shown)
    attr(find(document, '#host-side'), 'data-on', picked ? '' : null)
    attr(find(document, '#host-side'), 'data-key', shown?.id ?? null)
    fillPromptSent(find(document, '#prompt-sent'), shown, now.zone)
    show(find(document, '#prompt-withdraw'), last !== null && shown === last && isUnanswered(last))
  }

  /** @param {Moment} now @param {Prompt[]} prompts @param {DeviceRow | null} device */
  #drawMirror (now, prompts, device) {
    const at = cue(this.#room.topic('rundown').get('now'), now.nowMs)
    fillMirror(find(document, '#mirror'), cards(prompts, device?.id ?? '', now.nowMs), {
      left: at.now ? (at.over ? `+${duration(-at.left)}` : duration(at.left)) : '', next: authored(at.next?.title)
    })
  }

  /** @param {readonly Prompt[]} prompts @returns {Call[]} what hosts need and neither a prompt nor 知道了 has answered */
  #waitingCalls (prompts) {
    return openCalls(prompts, this.#heard).filter((call) => !this.#answered.has(`${this.#room.session} ${call.key}`))
  }

  /** A call that comes while the page looks on is of this moment, however old its receipt; one that comes again is a new one. @param {readonly Prompt[]} prompts */
  #hear (prompts) {
    const { session } = this.#room
    if (session === '' || this.#room.preparing) return
    const calls = callsOf(prompts)
    const keys = new Set(calls.map((call) => call.key))
    for (const key of this.#heard.keys()) if (!keys.has(key)) this.#heard.delete(key)
    for (const key of this.#answered) if (key.startsWith(`${session} `) && !keys.has(key.slice(session.length + 1))) this.#answered.delete(key)
    for (const call of calls) {
      if (!this.#heard.has(call.key)) this.#heard.set(call.key, this.#listening ? Math.max(call.at, this.#room.feed.clock.now_ms) : call.at)
    }
    this.#listening = true
  }

  /** @param {Alert} alert @param {HTMLButtonElement | null} button  its draft goes to the host */
  async sendDraft (alert, button) {
    if (this.#drafts.has(alert.id) || promptFor(this.#prompts, alert.id)) return
    this.#drafts.add(alert.id)
    const correction = proposal(alert) === 'correct'
    const sent = await this.#send({ text: alert.host ?? {}, level: correction ? 'urgent' : 'normal', alert: alert.id }, button)
    if (sent) setTimeout(() => this.#drafts.delete(alert.id), ON_THE_BOARD_MS)
    else this.#drafts.delete(alert.id)
  }

  /** @param {{ text: Words, level: string, alert?: string, quick?: string }} prompt @param {HTMLButtonElement | null} button */
  async #send (prompt, button) {
    const { shell, session } = this.#room
    if (!shell.acts || !session) return false
    const answer = await shell.command(button, this.#room.api('/prompts'), prompt, () => shell.say(t(prompt.level === 'urgent' ? 'console.prompt.sent_urgent' : 'console.prompt.sent')))
    return answer.ok
  }

  /** @param {string} key @param {HTMLButtonElement} button */
  #sendQuick (key, button) {
    const prompt = this.#room.topic('quick').get(key)
    if (prompt && !button.disabled) this.#send({ text: prompt.text, level: prompt.level ?? 'normal', quick: prompt.id }, button)
  }

  #wirePrompts () {
    const room = this.#room
    const { shell } = room
    const text = /** @type {HTMLInputElement} */ (find(document, '#prompt-text'))
    const urgent = /** @type {HTMLButtonElement} */ (find(document, '#prompt-urgent'))
    const button = /** @type {HTMLButtonElement} */ (find(document, '#prompt-send'))
    const length = () => [...text.value].length
    const trim = () => {
      if (length() > PROMPT_LENGTH) text.value = [...text.value].slice(0, PROMPT_LENGTH).join('')
      put(find(document, '#prompt-n'), length() > 0 ? t('console.prompt.left', { n: length() }) : '')
    }
    const setUrgent = (/** @type {boolean} */ on) => { this.#urgent = on; attr(urgent, 'aria-pressed', String(on)) }
    text.addEventListener('input', (event) => { if (!(event instanceof InputEvent && event.isComposing)) trim() })
    text.addEventListener('compositionend', trim) // not every browser says `input` once more
    urgent.addEventListener('click', () => setUrgent(!this.#urgent))
    find(document, '#compose').addEventListener('submit', async (/** @type {Event} */ event) => {
      event.preventDefault()
      const words = text.value.trim()
      if (words === '') { shell.say(t('console.prompt.empty')); text.focus(); return }
      if (await this.#send({ text: { [language()]: words }, level: this.#urgent ? 'urgent' : 'normal' }, button) && text.value.trim() === words) {
        text.value = ''
        put(find(document, '#prompt-n'), '')
        setUrgent(false)
      }
    })
    find(document, '#quick').addEventListener('click', (/** @type {Event} */ event) => { const one = pressed(event, 'button'); if (one) this.#sendQuick(one.dataset.key ?? '', one) })
    find(document, '#prompt-withdraw').addEventListener('click', () => {
      const last = newest(room.topic('prompts').values())
      if (last) shell.command(find(document, '#prompt-withdraw'), room.api(`/prompts/${encodeURIComponent(last.id)}/withdraw`), {}, () => shell.say(t('console.prompt.withdrawn')))
    })
    const side = find(document, '#host-side')
    for (const name of ['pointerenter', 'focusin']) side.addEventListener(name, () => { if (side.dataset.key) room.choose({ kind: 'prompt', id: side.dataset.key }) })
    for (const name of ['pointerleave', 'focusout']) side.addEventListener(name, () => room.choose(null))
    shell.keys.on('ctrl+enter', 'shell.key.send', () => find(document, '#compose').requestSubmit(), 'Ctrl Enter')
    shell.keys.on('alt+digit', 'shell.key.quick', (n) => { const one = document.querySelector(`#quick [data-n="${n}"]`); if (one instanceof HTMLButtonElement) this.#sendQuick(one.dataset.key ?? '', one) }, 'Alt 1–9')
  }

  #wireDevices () {
    const room = this.#room
    find(document, '#device').addEventListener('change', (/** @type {Event} */ event) => {
      const id = /** @type {HTMLSelectElement} */ (event.target).value
      this.#device = room.topic('devices').get(id) ?? this.#device
      room.redraw(['devices'])
    })
    find(document, '#call-ok').addEventListener('click', () => {
      for (const call of this.#waitingCalls(this.#prompts)) this.#answered.add(`${room.session} ${call.key}`)
      sessionStorage.setItem(ANSWERED, JSON.stringify([...this.#answered]))
      room.redraw(['prompts'])
    })
    find(document, '#pair').addEventListener('click', () => this.#pair())
    find(document, '#pair-again').addEventListener('click', () => this.#pair())
    find(document, '#pair-dialog').addEventListener('close', () => { this.#pairExpires = null })
  }

  async #pair () {
    const room = this.#room
    const dialog = /** @type {HTMLDialogElement} */ (find(document, '#pair-dialog'))
    if (!dialog.open) {
      this.#paired = new Set([...room.topic('devices').values()].filter((device) => device.connected).map((device) => device.id))
      dialog.showModal()
    }
    show(find(dialog, '#pair-error'), false)
    await room.shell.command(find(dialog, '#pair-again'), '/api/devices/code', { room: room.room.id }, ({ body }) => {
      put(find(dialog, '#pair-code'), String(body.code).replace(/^(...)/, '$1 '))
      const link = find(dialog, '#pair-url')
      link.href = body.url
      put(link, body.url)
      find(dialog, '#pair-qr').src = `data:image/svg+xml,${encodeURIComponent(body.qr)}`
      this.#pairExpires = body.expires_ms
      this.#drawPairing()
    })
  }

  #drawPairing () {
    if (this.#pairExpires === null) return
    const left = this.#pairExpires - this.#room.wall
    attr(find(document, '#pair-body'), 'data-expired', left <= 0 ? '' : null)
    put(find(document, '#pair-left'), left > 0 ? t('console.pair.left', { left: duration(left) }) : t('console.pair.expired'))
  }

  /** The dialog has done its work when a tablet joins that was not here as it opened. */
  #drawPaired () {
    const dialog = /** @type {HTMLDialogElement} */ (find(document, '#pair-dialog'))
    if (!dialog.open) return
    const joined = [...this.#room.topic('devices').values()].find((device) => device.connected && !device.simulated && !this.#paired.has(device.id))
    if (!joined) return
    this.#device = joined
    dialog.close()
    this.#room.shell.say(t('console.pair.done', { name: joined.name }))
  }
}
