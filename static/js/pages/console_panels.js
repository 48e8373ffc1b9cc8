/**
 * Which part of the console is in view where not all fit: tabs on a laptop, a bar at the bottom of a phone.
 *
 * @import { Room } from './console_room.js'
 */

import { t } from '../words.js'
import { attr, find, put } from '../views/dom.js'
import { fillRank } from '../views/tiles.js'
import { pressed } from './console_room.js'

/** Parts that only a phone shows by themselves; elsewhere they are always there. */
const PHONE_ONLY = new Set(['live', 'history'])

/** @param {string} id @param {readonly number[]} ranks @param {number} [n]  what waits in a part that is not in view */
export function drawTab (id, ranks, n = 0) {
  const tab = find(document, `[data-to="${id}"]`)
  fillRank(find(tab, '.pri'), ranks.length > 0 && Math.min(...ranks) <= 3 ? Math.min(...ranks) : 0)
  put(find(tab, '.tab-n'), n > 0 ? String(n) : '')
}

/** @param {Room} room */
export function panelsPart (room) {
  const bar = /** @type {HTMLElement} */ (find(document, '#tabs'))
  const tabs = /** @type {HTMLElement[]} */ ([...bar.querySelectorAll('[role="tab"]')])
  const small = matchMedia('(max-width: 899px)')
  const choose = (/** @type {string} */ to) => {
    attr(room.page, 'data-tab', to)
    for (const one of tabs) {
      attr(one, 'aria-selected', String(one.dataset.to === to))
      attr(one, 'tabindex', one.dataset.to === to ? 0 : -1)
    }
    if (small.matches) scrollTo({ top: 0 })
  }
  const fit = () => {
    const now = room.page.dataset.tab ?? ''
    if (small.matches && now === 'alerts') choose('live')
    else if (!small.matches && PHONE_ONLY.has(now)) choose('alerts')
  }
  fit()
  small.addEventListener('change', fit)
  bar.addEventListener('click', (event) => { const tab = pressed(event, '[role="tab"]'); if (tab) choose(tab.dataset.to ?? '') })
  bar.addEventListener('keydown', (event) => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0
    const seen = tabs.filter((tab) => tab.checkVisibility())
    const at = seen.indexOf(/** @type {HTMLElement} */ (document.activeElement))
    if (step === 0 || at < 0) return
    const next = seen[(at + step + seen.length) % seen.length]
    choose(next.dataset.to ?? '')
    next.focus()
  })
  document.addEventListener('click', (event) => {
    if (!pressed(event, 'a[href="#alerts"]')) return
    choose('alerts')
    find(document, '#alert-list').focus({ preventScroll: true })
  })
  find(document, '#drawer').addEventListener('click', () => {
    const low = find(document, '#low')
    const open = low.dataset.drawer !== 'closed'
    low.dataset.drawer = open ? 'closed' : 'open'
    attr(find(document, '#drawer'), 'aria-expanded', String(!open))
    put(find(document, '#drawer'), t(open ? 'console.group.show' : 'console.group.hide'))
  })
}
