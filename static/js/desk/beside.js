/**
 * What the host reads beside the card, in words: the plan while there is none, who sent it and what became of it, what
 * is left of the part and what comes next. Pure.
 *
 * @import { Segment, SessionHead } from '../../types/frames.js'
 * @import { Board } from '../feed/board.js'
 * @import { Card } from '../feed/cards.js'
 * @import { Clock } from '../feed/clock.js'
 * @typedef {{ board: Board, at: number, zone: string }} Moment  `at`: session time
 * @typedef {{ text: string, lang: string }} Said
 * @typedef {{ left: string, word: string, over: boolean, item: Said, shift: string, drill: boolean }} Strip
 */

import { topic } from '../feed/board.js'
import { clock, duration } from '../format.js'
import { authored, language, t } from '../words.js'
import { cue, startOf } from './rundown.js'

/** 全场慢, 全场快: less is nothing, and more than an hour is another plan than the one that runs. */
const SHIFT_FROM_MS = 5_000
const SHIFT_TO_MS = 3_600_000
const MINUTE_MS = 60_000

/** @param {Board} board @returns {SessionHead | undefined} */
export const headOf = (board) => topic(board, 'session').get('head')

/** @param {Board} board */
const rundownOf = (board) => topic(board, 'rundown').get('now')

/** @param {Moment} moment @returns {Segment | null} what is on by the rundown */
export const segmentOf = ({ board, at }) => cue(rundownOf(board), at).now

/** @param {Moment} moment @returns {Said} what to say while there is no card */
export function planned (moment) {
  const { board } = moment
  const head = headOf(board)
  if (board.hello !== null && head === undefined) return { text: t('host.no_session'), lang: '' }
  if (head?.state === 'ended') return { text: t('host.ended'), lang: '' }
  const segment = segmentOf(moment)
  if (!segment) return { text: head ? t('host.no_cue') : '', lang: '' }
  const points = authored(segment.talking_points)
  return points.text ? points : authored(segment.title)
}

/** @param {Moment} moment @returns {Strip} what stands above the card */
export function strip ({ board, at }) {
  const { now, left, over } = cue(rundownOf(board), at)
  const head = headOf(board)
  const shift = rundownOf(board)?.shift_ms ?? 0
  return {
    left: now ? `${over ? '+' : ''}${duration(Math.abs(left))}` : '--:--',
    word: now ? t(over ? 'host.over' : 'host.left') : '',
    over,
    item: authored(now?.title),
    shift: now && Math.abs(shift) >= SHIFT_FROM_MS && Math.abs(shift) < SHIFT_TO_MS ? t(shift > 0 ? 'host.behind' : 'host.ahead', { by: duration(Math.abs(shift)) }) : '',
    drill: head !== undefined && head.kind !== 'live'
  }
}

/** @param {Moment} moment @returns {string} what is left of the part, as the urgent band says it */
export function urgentLeft (moment) {
  const { left, over } = strip(moment)
  return !segmentOf(moment) ? '' : over ? `${t('host.over')} ${left}` : t('host.urgent_left', { left })
}

/** @param {Card | null} card @param {Moment} moment @returns {string} who sent the card and what became of it here */
export function more (card, moment) {
  const { board, zone } = moment
  if (!card) {
    if (headOf(board) === undefined) return board.hello ? t('host.no_session_more') : ''
    const segment = segmentOf(moment)
    return segment ? t('host.plan', { title: authored(segment.title).text }) : ''
  }
  const { by, sent_ms: sent, state } = card.prompt
  const minutes = Math.floor(card.age_ms / MINUTE_MS)
  const from = t(minutes > 0 ? 'host.from_age' : 'host.from', { name: by.name, at: clock(sent, zone), age: minutesAgo(minutes) })
  return [from, answered(card, zone), state === 'withdrawn' ? t('host.withdrawn') : ''].filter(Boolean).join(' · ')
}

/** @param {Card} card @param {string} zone @returns {string} */
function answered ({ receipt }, zone) {
  if (receipt?.seen_ms == null) return ''
  const at = clock(receipt.seen_ms, zone)
  return receipt.word ? t('host.said_at', { word: t(`host.${receipt.word}`), at }) : t('host.seen_at', { at })
}

/** @param {Moment} moment @returns {Said}  20:52 溯源码怎么查：扫瓶身，看批次 */
export function upcoming ({ board, at, zone }) {
  const rundown = rundownOf(board)
  const { next } = cue(rundown, at)
  if (!next || !rundown) return { text: rundown ? t('host.last') : '', lang: '' }
  const title = authored(next.title)
  const points = authored(next.talking_points)
  const start = startOf(next, rundown)
  const words = points.text ? `${title.text}${title.lang || language() !== 'en' ? '：' : ': '}${points.text}` : title.text
  return { text: start === null ? words : `${clock(start, zone, false)} ${words}`, lang: title.lang }
}

/** @param {Clock} last  of the last frame @param {number} local  the device's Date.now() @param {string} zone @returns {string} since when there is no connection */
export function cutSince (last, local, zone) {
  if (last.wall_ms === 0) return t('host.link.cut_never')
  const minutes = Math.floor((local - last.at) / MINUTE_MS)
  return t(minutes > 0 ? 'host.link.cut_age' : 'host.link.cut', { at: clock(last.now_ms, zone), age: minutesAgo(minutes) })
}

/** @param {number} minutes @returns {string} */
function minutesAgo (minutes) {
  return minutes < 60 ? t('host.age.minutes', { n: minutes }) : t('host.age.hours', { n: Math.floor(minutes / 60) })
}
