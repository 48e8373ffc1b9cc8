/**
 * The tones of alerts. One tab of the browser makes them (Web Locks), the first that may; the others say that it does.
 *
 * Owns the audio and who may use it; knows nothing of alerts but the loudest priority that waits.
 *
 * @typedef {'on' | 'locked' | 'muted' | 'elsewhere' | 'none'} SoundState
 */

const REPEAT_MS = 10_000
const MUTE_MS = 300_000
const MUTED_UNTIL = 'cueroom.muted_until'

export class Sound {
  /** @type {AudioContext | null} */ #audio = null
  /** @type {number | null} */ #timer = null
  #leads = !('locks' in navigator)
  /** Aborted once a gesture has let this tab play. */
  #allowed = new AbortController()
  #rank = 0
  /** @type {ReadonlySet<string>} */ #known = new Set()
  #onChange

  /** @param {() => void} onChange  the state may have changed */
  constructor (onChange) {
    this.#onChange = onChange
    addEventListener('storage', (event) => { if (event.key === MUTED_UNTIL) this.#settle() })
    const signal = this.#allowed.signal
    for (const name of ['pointerdown', 'keydown']) addEventListener(name, () => this.#allow(), { signal })
  }

  /** @returns {SoundState} */
  get state () {
    if (typeof AudioContext === 'undefined') return 'none'
    if (this.mutedUntil > Date.now()) return 'muted'
    if (this.#audio?.state !== 'running') return 'locked'
    return this.#leads ? 'on' : 'elsewhere'
  }

  /** @returns {number} wall time of this device */
  get mutedUntil () {
    try {
      return Number(localStorage.getItem(MUTED_UNTIL) ?? 0)
    } catch {
      return 0 // storage may be forbidden; then nothing is muted
    }
  }

  /** A click on the chip: sound on, with a test tone. */
  test () {
    this.#setMute(0)
    this.#allow().then(() => this.#play([880]))
  }

  mute () {
    this.#setMute(Date.now() + MUTE_MS)
  }

  /** @param {number} until */
  #setMute (until) {
    try {
      localStorage.setItem(MUTED_UNTIL, String(until))
    } catch { /* storage may be forbidden */ }
    if (until > 0) setTimeout(() => this.#settle(), MUTE_MS + 50)
    this.#settle()
  }

  async #allow () {
    if (typeof AudioContext === 'undefined') return
    this.#audio ??= new AudioContext()
    await this.#audio.resume() // waits for as long as the browser does not let it play
    this.#lead()
    this.#settle()
  }

  /** Ask to be the tab that sounds, once: a tab that may not play would keep a place it cannot fill. */
  #lead () {
    if (this.#allowed.signal.aborted) return
    this.#allowed.abort()
    if (!('locks' in navigator)) return
    navigator.locks.request('cueroom-sound', () => {
      this.#leads = true
      this.#settle()
      return new Promise(() => {}) // held until this tab goes
    }).catch(() => {})
  }

  /**
   * @param {ReadonlyMap<string, number>} waiting  unacknowledged alert -> its priority
   */
  heed (waiting) {
    const ranks = [...waiting.values()]
    const fresh = [...waiting].filter(([id]) => !this.#known.has(id)).map(([, rank]) => rank)
    this.#known = new Set(waiting.keys())
    this.#rank = ranks.length > 0 ? Math.min(...ranks) : 0
    if (fresh.includes(2) && this.#rank !== 1 && this.state === 'on') this.#play([660])
    this.#settle()
  }

  /** Start or stop the repeating tone, and tell the page. */
  #settle () {
    const wanted = this.#rank === 1 && this.state === 'on'
    if (wanted && this.#timer === null) {
      this.#play([880, 660])
      this.#timer = window.setInterval(() => { if (this.state === 'on') this.#play([880, 660]) }, REPEAT_MS)
    } else if (!wanted && this.#timer !== null) {
      window.clearInterval(this.#timer)
      this.#timer = null
    }
    this.#onChange()
  }

  /** @param {readonly number[]} tones in Hz, one after the other */
  #play (tones) {
    const audio = this.#audio
    if (audio?.state !== 'running') return
    tones.forEach((hertz, i) => {
      const start = audio.currentTime + i * 0.22
      const tone = audio.createOscillator()
      const loud = audio.createGain()
      tone.frequency.value = hertz
      loud.gain.setValueAtTime(0, start)
      loud.gain.linearRampToValueAtTime(0.25, start + 0.02)
      loud.gain.linearRampToValueAtTime(0, start + 0.2)
      tone.connect(loud).connect(audio.destination)
      tone.start(start)
      tone.stop(start + 0.21)
    })
  }
}
