/**
 * Keys of the desk: off in inputs and while an IME composes; single keys can be turned off.
 *
 * @typedef {{ keys: string, says: string, act?: () => void }} Key
 *   `keys`: `g o` (one after the other), `ctrl+enter`, `alt+digit`, `digit`, or one key
 */

import { t } from '../words.js'
import { copy, find } from '../views/dom.js'

const OFF = 'cueroom.keys_off'
const CHORD_MS = 1_500

export class Keys {
  /** @type {Map<string, (digit: number) => void>} */ #acts = new Map()
  /** @type {{ label: string, says: string }[]} */ #list = []
  #first = ''
  #firstAt = 0

  constructor () {
    addEventListener('keydown', (event) => this.#pressed(event))
  }

  /**
   * @param {string} keys
   * @param {string} says  key of the catalogue
   * @param {(digit: number) => void} act
   * @param {string} [label]  as shown in the list
   */
  on (keys, says, act, label = keys.toUpperCase()) {
    this.#acts.set(keys, act)
    this.#list.push({ label, says: t(says) })
  }

  get singleOn () {
    try {
      return localStorage.getItem(OFF) !== '1'
    } catch {
      return true
    }
  }

  /** @param {boolean} on */
  setSingle (on) {
    try {
      localStorage.setItem(OFF, on ? '0' : '1')
    } catch { /* storage may be forbidden */ }
  }

  /** @param {HTMLElement} list */
  fillList (list) {
    list.replaceChildren(...this.#list.map(({ label, says }) => {
      const row = copy('pair-row')
      const cap = document.createElement('kbd')
      cap.className = 'keycap'
      cap.textContent = label
      find(row, 'dt').append(cap)
      find(row, 'dd').textContent = says
      return row
    }))
  }

  /** @param {KeyboardEvent} event */
  #pressed (event) {
    if (event.isComposing || event.keyCode === 229 || event.repeat) return
    const name = /^[0-9]$/.test(event.key) ? 'digit' : event.code.startsWith('Digit') && event.altKey ? 'digit' : event.key.toLowerCase()
    const digit = Number(event.code.replace('Digit', '').replace('Numpad', '')) || 0
    const with_ = `${event.ctrlKey || event.metaKey ? 'ctrl+' : ''}${event.altKey ? 'alt+' : ''}${name}`
    if (with_ !== name) { this.#run(with_, digit, event); return }
    if (inField(event.target) || document.querySelector('dialog[open]') || !this.singleOn) return
    if (name === ' ' && event.target instanceof Element && event.target.closest('button, a, summary, select')) return
    const chord = event.timeStamp - this.#firstAt < CHORD_MS ? `${this.#first} ${name}` : ''
    this.#first = name
    this.#firstAt = event.timeStamp
    if (chord && this.#acts.has(chord)) this.#run(chord, digit, event)
    else this.#run(name, digit, event)
  }

  /** @param {string} keys @param {number} digit @param {KeyboardEvent} event */
  #run (keys, digit, event) {
    const act = this.#acts.get(keys)
    if (!act || (keys.endsWith('digit') && digit === 0)) return
    event.preventDefault()
    act(digit)
  }
}

/** @param {EventTarget | null} target @returns {boolean} whether the person is writing */
function inField (target) {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
}
