/**
 * The tablet as a thing on the table: text size, brightness, hand and mirror, full screen; kept awake, and ready to be
 * opened without a network. Knows nothing of cards.
 */

import { bounded, keepComfort, readComfort } from '../feed/comfort.js'
import { attr, find, put } from '../views/dom.js'
import { t } from '../words.js'

export class Device {
  /** Whether the screen stays on. False where it is refused or the page is not secure: the note says what to do. */
  awake = true
  #comfort = readComfort(localStorage)
  #host
  #settings
  #changed

  /** @param {HTMLElement} host @param {HTMLDialogElement} settings @param {() => void} changed  the card has to be fitted anew */
  constructor (host, settings, changed) {
    this.#host = host
    this.#settings = settings
    this.#changed = changed
  }

  /** Pixels of the card's text, as the host wishes them. */
  get size () { return this.#comfort.size }

  begin () {
    find(this.#settings, '#full-row').hidden = !document.fullscreenEnabled
    document.addEventListener('fullscreenchange', () => this.#fillFull())
    document.addEventListener('visibilitychange', () => void this.#stayAwake())
    this.#set({})
    this.#fillFull()
    void this.#stayAwake()
    void this.#readyForOffline()
  }

  /** @param {HTMLElement} button  one that was tapped anywhere on the page */
  press (button) {
    const { size, bright, toggle, close } = button.dataset
    const { hand, mirror } = this.#comfort
    if (button.id === 'open-settings') this.#settings.showModal()
    else if (close !== undefined) this.#settings.close()
    else if (size) this.#set({ size: this.#comfort.size + Number(size) })
    else if (bright) this.#set({ bright: this.#comfort.bright + Number(bright) })
    else if (toggle === 'hand') this.#set({ hand: hand === 'left' ? 'right' : 'left' })
    else if (toggle === 'mirror') this.#set({ mirror: !mirror })
    else if (button.id === 'full') void (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()).catch(() => {})
  }

  /** @param {boolean} can  a page that is left while there is no connection could not come back */
  letLeave (can) {
    for (const link of this.#settings.querySelectorAll('a')) attr(link, 'aria-disabled', can ? null : 'true')
  }

  /** @param {Partial<import('../feed/comfort.js').Comfort>} change */
  #set (change) {
    const comfort = this.#comfort = bounded({ ...this.#comfort, ...change })
    keepComfort(localStorage, comfort)
    attr(this.#host, 'data-hand', comfort.hand)
    attr(this.#host, 'data-mirror', comfort.mirror ? '' : null)
    this.#host.style.setProperty('--bright', String(comfort.bright / 100))
    put(find(this.#settings, '#size'), String(comfort.size))
    put(find(this.#settings, '#bright'), `${comfort.bright}%`)
    put(find(this.#settings, '[data-toggle=hand]'), comfort.hand === 'right' ? t('host.hand_right') : t('host.hand_left'))
    attr(find(this.#settings, '[data-toggle=mirror]'), 'aria-pressed', String(comfort.mirror))
    this.#changed()
  }

  #fillFull () {
    put(find(this.#settings, '#full'), t(document.fullscreenElement ? 'host.full_off' : 'host.full_on'))
  }

  async #stayAwake () {
    try {
      if (document.hidden) return
      const lock = await navigator.wakeLock.request('screen')
      this.awake = true
      lock.addEventListener('release', () => void this.#stayAwake(), { once: true })
    } catch {
      this.awake = false
    }
  }

  /** Only a secure page (HTTPS, or this machine itself) may keep its files: without it a reload needs the network. */
  async #readyForOffline () {
    const word = find(this.#settings, '#offline')
    if (!navigator.serviceWorker) { put(word, t('host.offline.insecure')); return }
    try {
      await navigator.serviceWorker.register('/host/sw.js', { scope: '/host/', updateViaCache: 'none' })
      await navigator.serviceWorker.ready
      put(word, t('host.offline.ready'))
    } catch {
      put(word, t('host.offline.failed')) // no network now, or no room on the device
    }
  }
}
