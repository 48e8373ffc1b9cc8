/**
 * The cue bar: what is on, how long still, and the rundown beside it.
 *
 * @import { Rundown, Segment } from '../../types/frames.js'
 * @import { Cue } from '../desk/rundown.js'
 */

import { startOf } from '../desk/rundown.js'
import { clock, duration, shift } from '../format.js'
import { authored, t } from '../words.js'
import { attr, find, keyed, put, putAuthored, show } from './dom.js'

/** @param {HTMLElement} bar @param {Rundown | undefined} rundown @param {Cue} cue */
export function fillCue (bar, rundown, cue) {
  const count = find(bar, '#cue-count')
  attr(count, 'data-over', cue.over ? '' : null)
  put(count, !cue.now ? '--:--' : cue.over ? `+${duration(-cue.left)}` : duration(cue.left))
  if (cue.now) putAuthored(find(bar, '#cue-item'), authored(cue.now.title))
  else put(find(bar, '#cue-item'), rundown?.segments.length ? t('console.cue.not_begun') : t('console.cue.none'))
  attr(find(bar, '#cue-item'), 'title', cue.now ? authored(cue.now.title).text : null)
  put(find(bar, '#cue-over'), cue.now && rundown ? [t(cue.over ? 'console.cue.over' : 'console.cue.left'), lag(rundown.shift_ms ?? 0)].filter(Boolean).join(' · ') : '')
  const bar2 = bar.querySelector('.seg[data-state="now"] .seg-bar')
  if (bar2 instanceof HTMLProgressElement) bar2.value = Math.round(cue.done * 1000)
}

const ANOTHER_PLAN_MS = 3_600_000 // further off than this, the plan is not the one that runs

/** @param {number} ms @returns {string} */
function lag (ms) {
  if (Math.abs(ms) > ANOTHER_PLAN_MS) return ''
  if (Math.abs(ms) < 1000) return t('console.cue.on_time')
  return ms > 0 ? t('console.cue.late', { by: duration(ms) }) : t('console.cue.early', { by: duration(-ms) })
}

/** @param {HTMLElement} list @param {Rundown | undefined} rundown @param {string} zone */
export function fillRundown (list, rundown, zone) {
  keyed(list, 'segment-row', rundown?.segments ?? [], (segment) => segment.id, (row, segment) => {
    attr(row, 'data-state', segment.state)
    attr(row, 'aria-current', segment.state === 'now' ? 'step' : null)
    const { text, lang } = authored(segment.title)
    putAuthored(find(row, '.seg-name'), { text: segment.state === 'done' ? `✓ ${text}` : text, lang })
    attr(row, 'title', text)
    put(find(row, '.seg-time'), times(segment, /** @type {Rundown} */ (rundown), zone))
    show(find(row, '.seg-bar'), segment.state === 'now')
  })
}

/** @param {Segment} segment @param {Rundown} rundown @param {string} zone @returns {string} */
function times (segment, rundown, zone) {
  const start = startOf(segment, rundown)
  if (start === null) return duration(segment.planned_length_ms)
  const from = clock(start, zone, false)
  if (segment.state === 'now') return `${from}–${clock(start + segment.planned_length_ms, zone, false)}`
  if (segment.state !== 'done' || segment.started_ms == null || segment.ended_ms == null) return from
  return `${from} · ${shift(segment.ended_ms - segment.started_ms - segment.planned_length_ms)}`
}
