/**
 * The line under the alerts that says what is not being watched. No hue: this is neither good nor bad.
 *
 * @import { Blind } from '../desk/watch.js'
 */

import { find, keyed, put, show } from './dom.js'

/** @param {HTMLElement} list @param {readonly Blind[]} spots */
export function fillBlind (list, spots) {
  show(list, spots.length > 0)
  keyed(list, 'blind-row', spots, (spot) => spot.key, (row, spot) => put(find(row, 'span'), spot.text))
}
