/**
 * What cannot be watched at the moment: rules without data, sources that fell silent or whose clock is off. Pure.
 *
 * @import { RuleView, SkuRow, SourceRow } from '../../types/frames.js'
 * @typedef {{ key: string, text: string }} Blind
 */

import { age, clock } from '../format.js'
import { authored, t } from '../words.js'
import { freshness } from './freshness.js'

/**
 * @param {Iterable<[string, RuleView]>} rules
 * @param {Iterable<SourceRow>} sources
 * @param {ReadonlyMap<string, SkuRow>} skus  for the names of rules' subjects
 * @param {number} nowMs
 * @param {string} zone
 * @returns {Blind[]}
 */
export function blindSpots (rules, sources, skus, nowMs, zone) {
  /** @type {Blind[]} */
  const out = []
  for (const source of sources) {
    if (freshness(source.seen_ms, source.every_ms, nowMs) === 'stale') out.push({ key: `silent ${source.id}`, text: t('console.watch.silent', { name: source.name, at: clock(source.seen_ms, zone) }) })
    else if (source.slow_clock) out.push({ key: `clock ${source.id}`, text: clockWords(source) })
  }
  for (const [key, rule] of rules) {
    if (rule.condition !== 'unknown') continue
    const title = authored(rule.title).text
    const of = rule.scope === 'session' ? '' : (skus.get(rule.scope_id)?.name ?? rule.scope_id)
    out.push({ key, text: of ? t('console.watch.rule_of', { title, of }) : t('console.watch.rule', { title }) })
  }
  return out
}

/** @param {SourceRow} source @returns {string} */
function clockWords (source) {
  const by = source.offset_ms ?? 0
  return by >= 0 ? t('console.watch.slow', { name: source.name, by: age(by) }) : t('console.watch.fast', { name: source.name, by: age(-by) })
}
