/**
 * How the tablet is set up for its place: text size, brightness, hand, mirror. Kept on the device; unknown or broken
 * values fall back. No DOM.
 *
 * @typedef {{ size: number, bright: number, hand: 'left' | 'right', mirror: boolean }} Comfort
 */

const NAME = 'cueroom.host.comfort'
/** @type {Comfort} */
export const USUAL = { size: 64, bright: 100, hand: 'left', mirror: false }

/** @param {unknown} value @param {number} least @param {number} most @param {number} otherwise */
const within = (value, least, most, otherwise) => (typeof value === 'number' && Number.isFinite(value) ? Math.min(most, Math.max(least, Math.round(value))) : otherwise)

/** @param {Partial<Comfort>} wished @returns {Comfort} */
export function bounded (wished) {
  return {
    size: within(wished.size, 40, 120, USUAL.size),
    bright: within(wished.bright, 30, 100, USUAL.bright),
    hand: wished.hand === 'right' ? 'right' : 'left',
    mirror: wished.mirror === true
  }
}

/** @param {Pick<Storage, 'getItem'>} storage @returns {Comfort} */
export function readComfort (storage) {
  try {
    return bounded(JSON.parse(storage.getItem(NAME) ?? '{}') ?? {})
  } catch {
    return USUAL
  }
}

/** @param {Pick<Storage, 'setItem'>} storage @param {Comfort} comfort */
export function keepComfort (storage, comfort) {
  try {
    storage.setItem(NAME, JSON.stringify(comfort))
  } catch {
    // A forbidden storage: it holds until the page is left.
  }
}
