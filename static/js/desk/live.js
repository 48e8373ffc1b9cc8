/**
 * What an alert measures, as it stands now: its sentence says how it was when it fired. Pure.
 *
 * @import { Alert } from '../../types/frames.js'
 * @import { Moment } from './tiles.js'
 * @typedef {{ text: string, back: boolean }} Live  `back`: inside the lines of its rule, which waits until that lasts
 */

import { money, number, percent } from '../format.js'
import { t } from '../words.js'
import { topic } from '../feed/board.js'
import { subjects } from './alerts.js'
import { shownAs, worse } from './freshness.js'
import { readingKey } from './history.js'
import { isBack } from './limits.js'
import { brief, lineShown, stockShown } from './tiles.js'

/** @param {Moment} moment @param {Alert} alert @returns {Live | null} nothing where the board has no fresh value of it */
export function liveOf (moment, alert) {
  if (alert.condition === 'ended' || !(alert.evidence ?? []).some((evidence) => evidence.kind === 'reading')) return null
  if (alert.scope === 'sku') return stock(moment, alert)
  return alert.scope === 'line' ? stream(moment, alert) : metric(moment, alert)
}

/** @param {Moment} moment @param {Alert} alert @returns {Live | null} */
function stock (moment, alert) {
  const { board } = moment
  const row = topic(board, 'skus').get(alert.scope_id)
  if (row?.sellable == null || stockShown(moment) === 'stale') return null
  const eta = row.sellable > 0 && row.eta_min != null && row.eta_min < 600 ? t('console.alert.minutes', { n: number(row.eta_min, row.eta_min < 100 ? 1 : 0) }) : ''
  const measure = (/** @type {string} */ name) => /** @type {{ [name: string]: any }} */ ({ stock_line: 0, ...row })[name]
  return { text: [t('metric.sellable_n', { n: number(row.sellable) }), eta].filter(Boolean).join(' · '), back: isBack(board, alert.rule, measure) }
}

/** @param {Moment} moment @param {Alert} alert @returns {Live | null} */
function stream (moment, alert) {
  const { board } = moment
  const line = topic(board, 'lines').get(alert.scope_id)
  if (!line || line.seen_ms == null || lineShown(moment, line) !== 'live') return null // its silence may be the alert
  if (line.reconnecting) return { text: t('metric.reconnecting'), back: false }
  if (line.bitrate_kbps == null) return null
  return { text: `${number(line.bitrate_kbps)} kbps`, back: line.seen_ms >= alert.opened_ms && isBack(board, alert.rule, (name) => /** @type {{ [name: string]: any }} */ (line)[name]) }
}

/** @param {Moment} moment @param {Alert} alert @returns {Live | null} */
function metric ({ board, nowMs, cutMs, currency }, alert) {
  const name = subjects(alert)[0] ?? ''
  const reading = topic(board, 'readings').get(readingKey(name, alert.scope, alert.scope_id))
  const shown = worse(shownAs(reading, nowMs), cutMs)
  if (reading?.value == null || shown === 'stale' || shown === 'few' || shown === 'unknown') return null
  const { value } = reading
  const text = name.includes('rate') ? `${percent(value)}%` : name.startsWith('gmv') ? brief(money(value, currency)) : number(value, value % 1 === 0 ? 0 : 1)
  return { text, back: isBack(board, alert.rule, (other) => (other === name ? value : null)) }
}
