// Promise: the desk words what the board says and no more: old data looks old, the loudest comes first, numbers read well.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import { PAST_MS, ageOf, counts, departed, isListed, listed, loudest, markRank, pieces, promptFor, proposal, stateOf, subjects } from '../../static/js/desk/alerts.js'
import { EMPTY, applyFrame, topic } from '../../static/js/feed/board.js'
import { freshness, shownAs, worse } from '../../static/js/desk/freshness.js'
import { History, thinned } from '../../static/js/desk/history.js'
import { isBack, limitOf } from '../../static/js/desk/limits.js'
import { liveOf } from '../../static/js/desk/live.js'
import { RUNNING, hold, shown } from '../../static/js/desk/messages.js'
import { newest, openCalls, receiptsOf, tablets, unread } from '../../static/js/desk/receipts.js'
import { byUrgency, heldOrder, isUnheard } from '../../static/js/desk/rooms.js'
import { cue, startOf } from '../../static/js/desk/rundown.js'
import { byRisk, cartRate, forecast, restOf, riskiest } from '../../static/js/desk/skus.js'
import { tiles } from '../../static/js/desk/tiles.js'
import { alertMarks, clustered, promptMarks } from '../../static/js/desk/timeline.js'
import { apart, extent, trends } from '../../static/js/desk/trends.js'
import { blindSpots } from '../../static/js/desk/watch.js'
import * as format from '../../static/js/format.js'
import { authored, t, useWords } from '../../static/js/words.js'

/** @import { Alert, Message, Prompt, Reading, RoomCard, Rundown, SkuRow } from '../../static/types/frames.js' */

/** @param {string} language */
const speak = (language) => {
  const read = (/** @type {string} */ part) => JSON.parse(readFileSync(new URL(`../../app/locale/${part}.${language}.json`, import.meta.url), 'utf8'))
  useWords(language, { ...read('common'), ...read('desk') })
}
speak('zh-CN')

/** @param {Partial<Alert>} kept @returns {Alert} */
const alert = (kept) => ({
  id: 'a', rule: 'r', rule_version: '1', scope: 'session', scope_id: '', labels: {}, severity: 'P2', condition: 'firing',
  opened_ms: 0, changed_ms: 0, version: 1, title: { 'zh-CN': '告警' }, ...kept
})

test('late and stale follow the expected interval, with floors of 5 and 15 seconds', () => {
  const at = (/** @type {number} */ age, /** @type {number} */ every) => freshness(100_000, every, 100_000 + age)
  assert.deepEqual([5_000, 5_001, 15_000, 15_001].map((age) => at(age, 1_000)), ['live', 'late', 'late', 'stale'])
  assert.deepEqual([20_000, 20_001, 40_001].map((age) => at(age, 10_000)), ['live', 'late', 'stale'])
  assert.equal(freshness(null, 1_000, 0), 'stale')
})

test('a reading is never shown as more than it is', () => {
  /** @type {Reading} */
  const fresh = { metric: 'viewers', scope: 'session', scope_id: '', value: 5, state: 'ok', seen_ms: 1_000, every_ms: 1_000 }
  assert.equal(shownAs(undefined, 0), 'unknown')
  assert.equal(shownAs(fresh, 1_000), 'live')
  assert.equal(shownAs({ ...fresh, state: 'estimated' }, 1_000), 'estimated')
  assert.equal(shownAs({ ...fresh, state: 'estimated' }, 90_000), 'stale')
  assert.equal(shownAs({ ...fresh, state: 'few', value: null }, 1_000), 'few')
  assert.equal(shownAs({ ...fresh, state: 'unknown', value: null }, 90_000), 'stale')
  assert.equal(shownAs({ ...fresh, state: 'unknown', value: null, seen_ms: null }, 1_000), 'unknown')
})

test('a page that is cut off shows nothing as fresher than the link, and what is worse stays so', () => {
  const cut = (/** @type {number} */ ms) => /** @type {const} */ (['live', 'estimated', 'late', 'stale', 'few', 'unknown']).map((shown) => worse(shown, ms))
  assert.deepEqual(cut(0), ['live', 'estimated', 'late', 'stale', 'few', 'unknown'])
  assert.deepEqual(cut(1), ['late', 'late', 'late', 'stale', 'few', 'unknown'])
  assert.deepEqual(cut(15_001), ['stale', 'stale', 'stale', 'stale', 'few', 'unknown'])
})

test('alerts: worst first, then unacknowledged, then newest; an acknowledged one that ended is gone', () => {
  const rows = [
    alert({ id: 'old', severity: 'P2', opened_ms: 1 }), alert({ id: 'new', severity: 'P2', opened_ms: 9 }),
    alert({ id: 'acked', severity: 'P1', acked_ms: 5, acked_by: '周敏' }), alert({ id: 'red', severity: 'P1' }),
    alert({ id: 'back', severity: 'P2', condition: 'ended', ended_ms: 5 }), alert({ id: 'gone', condition: 'ended', acked_ms: 6 })
  ]
  assert.deepEqual(listed(rows).map((row) => row.id), ['red', 'acked', 'new', 'old', 'back'])
  assert.deepEqual(listed(rows).map(stateOf), ['new', 'acked', 'new', 'new', 'back'])
  assert.deepEqual(counts(rows), [1, 3, 0])
  assert.equal(isListed(rows[5]), false)
})

test('the strip takes the oldest unacknowledged P1, then a P2 that still holds', () => {
  const p2 = alert({ id: 'p2', opened_ms: 3 })
  const back = alert({ id: 'back', condition: 'ended', ended_ms: 2, opened_ms: 1 })
  assert.equal(loudest([p2, alert({ id: 'b', severity: 'P1', opened_ms: 9 }), alert({ id: 'a', severity: 'P1', opened_ms: 2 })])?.id, 'a')
  assert.equal(loudest([back, p2])?.id, 'p2')
  assert.equal(loudest([back, alert({ severity: 'P3' })]), null)
  const said = alert({ id: 'said', severity: 'P1', condition: 'ended', ended_ms: 1 })
  assert.equal(loudest([said])?.id, 'said')
  assert.equal(loudest([said, alert({ id: 'later', severity: 'P1', opened_ms: 9 })])?.id, 'later')
  assert.equal(loudest([said, p2])?.id, 'p2')
})

test('an alert is as old as its level; one that ended says how long it lasted', () => {
  const reading = (/** @type {number} */ at) => ({ kind: /** @type {const} */ ('reading'), at_ms: at, name: 'i.sellable', value: 1 })
  const raised = alert({ opened_ms: 10_000, evidence: [reading(10_000), reading(40_000)] })
  assert.equal(ageOf(raised, 45_000), 5_000)
  assert.equal(ageOf({ ...raised, evidence: undefined, level_ms: 40_000 }, 45_000), 5_000, 'the overview, which has no evidence, says the same')
  assert.equal(ageOf(alert({ opened_ms: 10_000, evidence: [{ kind: 'speech', at_ms: 30_000 }] }), 45_000), 35_000)
  assert.equal(ageOf({ ...raised, condition: 'ended', ended_ms: 70_000 }, 900_000), 60_000)
})

test('an alert that left the board stays for five minutes, and goes when it comes back', () => {
  const left = alert({ id: 'a', opened_ms: 1_000, acked_by: '周敏', acked_ms: 2_000 })
  const past = departed(new Map(), new Map([['a', left]]), new Map(), 61_000, () => '')
  assert.deepEqual([...past.values()].map((one) => [stateOf(one), ageOf(one, 0), one.acked_by]), [['past', 60_000, '周敏']])
  assert.equal(departed(past, new Map(), new Map(), 61_000 + PAST_MS, () => '').size, 0)
  assert.equal(departed(past, new Map(), new Map([['a', left]]), 62_000, () => '').size, 0)
})

test('an alert says itself what it is about, in its own scope', () => {
  assert.deepEqual(subjects(alert({ scope: 'session', metrics: ['interaction_rate_5m'] })), ['interaction_rate_5m'])
  assert.deepEqual(subjects(alert({ scope: 'sku', metrics: ['sellable'] })), [])
  assert.deepEqual(subjects(alert({ scope: 'session' })), [])
})

test('a draft for the host is a correction only where something was said', () => {
  const host = { 'zh-CN': '更正' }
  assert.equal(proposal(alert({})), null)
  assert.equal(proposal(alert({ host })), 'tell')
  assert.equal(proposal(alert({ host, evidence: [{ kind: 'speech', at_ms: 0 }] })), 'correct')
})

test('marks cut a text by code points, nested ones are left out', () => {
  /** @param {number} start @param {number} end @param {string} [exempt] */
  const mark = (start, end, exempt = '') => ({ start, end, phrase: '', category: 'health', severity: /** @type {const} */ ('block'), exempt })
  const cut = pieces('😀天冷暖身御寒嘛', [mark(3, 5), mark(5, 7), mark(4, 5), mark(7, 99)])
  assert.deepEqual(cut.map((piece) => piece.text), ['😀天冷', '暖身', '御寒', '嘛'])
  assert.deepEqual(cut.map((piece) => piece.mark !== null), [false, true, true, false])
  assert.equal(markRank(mark(0, 1)), 1)
  assert.equal(markRank(mark(0, 1, 'allowed:x')), 0)
})

test('numbers: 万 and 亿, K and M, a true minus, the full value beside', () => {
  assert.deepEqual(format.money(12_140_000, 'CNY'), { value: '12.14', unit: '万', full: '¥121,400.00' })
  assert.equal(format.compact(123_456_789).unit, '亿')
  assert.deepEqual(format.compact(99_999_999), { value: '1.00', unit: '亿', full: '99,999,999' }) // not 10,000万
  assert.equal(format.compact(99_990_000).value, '9,999')
  assert.equal(format.brief('1号间 青坛酱酒'), '1号间 青坛酱酒')
  assert.equal(format.brief('青坛酱酒旗舰店官方直播间', 8), '青坛酱酒…')
  assert.equal(format.compact(838).value, '838')
  assert.equal(format.number(-1_234), '−1,234')
  assert.equal(format.money(5_000, 'JPY').value, '5,000')
  speak('en')
  assert.deepEqual(format.money(12_140_000, 'CNY'), { value: '121.4', unit: 'K', full: '¥121,400.00' })
  speak('zh-CN')
})

test('changes carry a sign and a shape; none is said to be level', () => {
  const write = (/** @type {number} */ size) => format.percent(size)
  assert.deepEqual(format.delta(0.009, write), { text: '▲ +0.9', dir: 'up' })
  assert.deepEqual(format.delta(-0.009, write), { text: '▼ −0.9', dir: 'down' })
  assert.deepEqual(format.delta(0.0001, write), { text: '持平', dir: 'same' })
})

test('times: minutes, hours, a shift with its sign, the room’s own zone', () => {
  assert.deepEqual([0, 61_000, 3_600_000].map(format.duration), ['00:00', '01:01', '1:00:00'])
  assert.deepEqual([60_000, -40_000, 0].map(format.shift), ['+1:00', '−0:40', '+0:00'])
  assert.deepEqual([300, 2_100, 12_400, 125_000].map(format.took), ['0.3s', '2.1s', '12s', '02:05'])
  assert.equal(format.clock(1_795_437_384_000, 'Asia/Shanghai'), '20:36:24')
  assert.equal(format.zoneName('America/New_York', 1_795_437_384_000), 'UTC-5')
})

test('words: values, forms by number, Chinese marked where the own language is missing', () => {
  useWords('en', { a: '{n} more {n|card|cards}' })
  assert.deepEqual([t('a', { n: 1 }), t('a', { n: 2 }), t('b')], ['1 more card', '2 more cards', 'b'])
  assert.deepEqual(authored({ 'zh-CN': '你好' }), { text: '你好', lang: 'zh-CN' })
  assert.deepEqual(authored({ 'zh-CN': '你好', en: 'hello' }), { text: 'hello', lang: '' })
  speak('zh-CN')
})

/** @param {Partial<SkuRow>} kept @returns {SkuRow} */
const sku = (kept) => ({ sku: 's', name: 's', sellable: 100, ...kept })

test('goods: sold beyond stock first, then by minutes left; off-sale ones last', () => {
  const rows = [sku({ sku: 'calm' }), sku({ sku: 'soon', eta_min: 4 }), sku({ sku: 'over', sellable: -3 }), sku({ sku: 'off', on_sale: false, eta_min: 1 }), sku({ sku: 'later', eta_min: 40 })]
  assert.deepEqual(byRisk(rows).map((row) => row.sku), ['over', 'soon', 'later', 'calm', 'off'])
  assert.equal(riskiest(rows)?.sku, 'over')
  assert.equal(riskiest([sku({ sku: 'a' }), sku({ sku: 'b', on_air: true })])?.sku, 'b')
  assert.equal(riskiest([sku({ sku: 'a', sellable: 9, eta_min: 30 }), sku({ sku: 'b', on_air: true })])?.sku, 'a')
  assert.deepEqual(forecast(sku({ eta_min: 10, sell_rate: 60 }), 0, 15 * 60_000), { outAt: 600_000, short: 300 })
  assert.equal(forecast(sku({ sellable: -1, eta_min: 1 }), 0, null), null)
  assert.equal(cartRate(sku({ clicks_5m: 49, cart_adds_5m: 9 })), null)
  assert.equal(cartRate(sku({ clicks_5m: 100, cart_adds_5m: 9 })), 0.09)
})

/** @type {Rundown} */
const rundown = {
  version: 1, current: 'b', shift_ms: 40_000,
  segments: [
    { id: 'a', title: {}, kind: 'talk', sku: '', planned_start_ms: 0, planned_length_ms: 60_000, state: 'done', started_ms: 0, ended_ms: 70_000 },
    { id: 'b', title: {}, kind: 'talk', sku: '', planned_start_ms: 60_000, planned_length_ms: 60_000, state: 'now', started_ms: 70_000 },
    { id: 'c', title: {}, kind: 'talk', sku: '', planned_start_ms: 120_000, planned_length_ms: 60_000, state: 'next' }
  ]
}

test('the countdown runs into overtime, later segments move with the show', () => {
  assert.equal(cue(rundown, 100_000).left, 30_000)
  assert.deepEqual([cue(rundown, 145_000).over, cue(rundown, 145_000).left, cue(rundown, 145_000).done], [true, -15_000, 1])
  assert.equal(startOf(rundown.segments[2], rundown), 160_000)
  assert.equal(cue(undefined, 0).now, null)
})

/** @param {Partial<Prompt>} kept @returns {Prompt} */
const prompt = (kept) => ({ id: 'p', n: 1, text: {}, level: 'normal', by: { kind: 'operator', id: '', name: '', role: 'controller' }, sent_ms: 1_000, ...kept })

test('a call is open until a card goes out after it, and counts from when this page heard it', () => {
  const receipt = { device: 'd', device_name: 'A', seen_ms: 3_000, word: /** @type {const} */ ('help') }
  const asked = prompt({ receipts: [receipt] })
  assert.deepEqual(openCalls([asked], new Map()).map((call) => call.at), [3_000])
  const later = prompt({ id: 'q', n: 2, sent_ms: 4_000 })
  assert.deepEqual(openCalls([asked, later], new Map()), [])
  assert.deepEqual(openCalls([asked, later], new Map([['p d help', 5_000]])).map((call) => call.at), [5_000])
})

test('receipts count from the sending; withdrawn cards are not the newest; unread ones are told', () => {
  const read = prompt({ n: 2, state: 'seen', receipts: [{ device: 'd', device_name: 'A', shown_ms: 1_300, seen_ms: 3_100 }] })
  assert.deepEqual(receiptsOf(read, 20_000)[0], { shown: 300, seen: 2_100, done: null, waiting: 19_000, word: '', device: 'd', name: 'A' })
  assert.equal(receiptsOf(prompt({}), 5_000)[0].shown, null)
  assert.equal(newest([read, prompt({ n: 3, state: 'withdrawn' })])?.n, 2)
  assert.deepEqual(unread([prompt({ n: 5, unread: true }), prompt({ n: 4, unread: true, state: 'sent' }), prompt({ n: 3, unread: true, state: 'seen' })]).map((one) => one.n), [4, 5])
  assert.equal(promptFor([prompt({ n: 1, alert: 'x' }), prompt({ n: 2, alert: 'x', state: 'withdrawn' })], 'x')?.n, 1)
  assert.deepEqual(tablets([{ id: 'b', name: 'B', connected: false, seen_ms: 0 }, { id: 's', name: 'A', connected: true, seen_ms: 0, simulated: true }, { id: 'a', name: 'C', connected: true, seen_ms: 0 }]).map((one) => one.id), ['a', 's', 'b'])
})

test('a held list stands still and counts what came, with what was skipped', () => {
  /** @param {number} n @param {number} [skipped] @returns {[string, Message]} */
  const message = (n, skipped = 0) => [String(n).padStart(12, '0'), { kind: 'comment', at_ms: n, who: '', text: `${n}`, skipped }]
  const held = hold(new Map([message(1), message(2)]))
  const later = new Map([message(2), message(3), message(4, 5)])
  assert.deepEqual(shown(held, later).rows.map((row) => row.message.text), ['2', '1'])
  assert.equal(shown(held, later).waiting, 7)
  assert.deepEqual(shown(RUNNING, later).rows.map((row) => row.message.text), ['4', '3', '2'])
})

test('history keeps a second as a second and a gap as a gap', () => {
  const history = new History()
  history.load([{ metric: 'viewers', scope: 'session', scope_id: '', minute_ms: 0, values: Array.from({ length: 60 }, (_, i) => (i < 10 ? i : null)) }])
  history.put('viewers@session', 61_000, 7)
  const { values } = history.span('viewers@session', 8_000, 62_000)
  assert.equal(values.length, 55)
  assert.deepEqual([...values.slice(0, 3)], [8, 9, NaN])
  assert.deepEqual([...values.slice(52)], [NaN, 7, NaN])
  assert.equal(history.last('viewers@session'), 7)
  history.put('viewers@session', 62_000, null)
  assert.equal(history.last('viewers@session'), 7)
  assert.deepEqual([...thinned(history.span('viewers@session', 0, 39_999), 4)], [4.5, NaN, NaN, NaN])
})

test('rooms on one chart are told apart by what differs in their names', () => {
  assert.deepEqual(apart(['1号间 青坛酱酒', '1号间 视频号']), ['青坛酱酒', '视频号'])
  assert.deepEqual(apart(['抖音', '抖音 二号']), ['抖音', '抖音 二号'])
})

test('rooms by severity keep their order for ten seconds', () => {
  /** @param {string} room @param {any} [worst] @returns {RoomCard} */
  const card = (room, worst) => ({ room, name: room, platform: '', brand: '', state: 'live', worst })
  const red = { severity: 'P1', opened_ms: 5, title: {} }
  assert.ok(isUnheard({ ...card('a'), session: 's', state: undefined }) && !isUnheard({ ...card('a'), session: null, state: undefined }), 'a session nothing is known of is not 未开播')
  const calm = [card('a'), card('b')]
  const alarmed = [card('a'), card('b', red)]
  assert.deepEqual(byUrgency([card('a', { severity: 'P1', opened_ms: 1, acked_by: '周' }), card('b', red), { ...card('c'), state: 'none' }, card('d')]).map((one) => one.room), ['b', 'a', 'd', 'c'])
  const kept = heldOrder({ ids: [], at: -Infinity }, calm, 1_000)
  assert.deepEqual(heldOrder(kept, alarmed, 2_000).ids, ['a', 'b'])
  assert.deepEqual(heldOrder(kept, alarmed, 12_000).ids, ['b', 'a'])
})

test('what is not being watched is said: silent sources, clocks that are off, rules without data', () => {
  const source = { id: 'a', name: '视频号', rooms: [], kinds: [], seen_ms: 1_795_437_384_000, every_ms: 3_000 }
  /** @type {[string, import('../../static/types/frames.js').RuleView][]} */
  const rules = [['r', { rule: 'r', title: { 'zh-CN': '库存不足' }, scope: 'sku', scope_id: 's', condition: 'unknown', since_ms: 0 }], ['p', { rule: 'p', title: { 'zh-CN': '互动率过低' }, scope: 'session', scope_id: '', condition: 'pending', since_ms: 0 }]]
  const at = (/** @type {number} */ age, /** @type {object} */ more = {}) => blindSpots(rules, [{ ...source, ...more }], new Map([['s', sku({ name: '礼盒' })]]), source.seen_ms + age, 'Asia/Shanghai').map((spot) => spot.text)
  assert.deepEqual(at(1_000), ['库存不足（礼盒）无数据，规则暂停'])
  assert.deepEqual(at(30_000)[0], '视频号 数据停在 20:36:24')
  assert.deepEqual(at(1_000, { slow_clock: true, offset_ms: 31_000 })[0], '视频号 时钟慢 31s')
})

/** @returns {import('../../static/js/desk/tiles.js').Moment} the recorded moment of the sample evening */
function recorded () {
  const lines = readFileSync(new URL('./frames/console.ndjson', import.meta.url), 'utf8').trim().split('\n').map((line) => JSON.parse(line))
  const board = lines.reduce((now, frame) => applyFrame(now, frame).board, EMPTY)
  const head = board.topics.session.get('head')
  return { board, history: new History(), nowMs: lines[lines.length - 1].now_ms, knownMs: lines[lines.length - 1].now_ms, cutMs: 0, zone: head.zone, currency: head.currency, head }
}

test('six tiles say value, target, change and age, and wear the colour of their alert', () => {
  const [viewers, rate, sales, , stock, stream] = tiles(recorded())
  assert.deepEqual([viewers.unit, viewers.left, viewers.change?.dir, viewers.shown], ['人', '目标 800', 'down', 'live'])
  assert.deepEqual([rate.tag, rate.rank, rate.limit], ['已恢复', 0, 0.05])
  assert.deepEqual([sales.unit, sales.left], ['万', '目标 30万 · 35%'])
  assert.deepEqual([stock.value, stock.unit, stock.rank, stock.left], ['9.8', '分钟', 1, '约 20:46 售罄'])
  assert.deepEqual([stream.value, stream.left], ['3,980', '目标 4,000'])
})

test('a tile whose data stopped shows the last value and when; one without a sample shows none', () => {
  const moment = recorded()
  const stale = tiles({ ...moment, nowMs: moment.nowMs + 60_000 })
  assert.deepEqual([stale[0].shown, stale[0].age, stale[0].change], ['stale', '数据停在 20:36:23', null])
  const readings = new Map(moment.board.topics.readings)
  const key = 'interaction_rate_5m@session'
  readings.set(key, { .../** @type {Reading} */ (readings.get(key)), state: 'few', value: null })
  const few = tiles({ ...moment, board: { ...moment.board, topics: { ...moment.board.topics, readings } } })[1]
  assert.deepEqual([few.value, few.left], ['—', '样本不足：在线不到 100 人'])
})

test('what an alert measures is said to be so now only while its data is fresh and the link holds', () => {
  const moment = recorded()
  const measured = [{ kind: /** @type {const} */ ('reading'), at_ms: 0, name: 'x', value: 1 }]
  const line = [...topic(moment.board, 'lines').keys()][0]
  const about = [alert({ scope: 'sku', scope_id: 'SKU-2', evidence: measured }), alert({ scope: 'line', scope_id: line, evidence: measured }), alert({ metrics: ['viewers'], evidence: measured })]
  const said = (/** @type {object} */ change) => about.map((one) => liveOf({ ...moment, ...change }, one)?.text ?? '')
  assert.ok(said({}).every((text) => text !== ''))
  assert.deepEqual(said({ nowMs: moment.nowMs + 60_000 }), ['', '', ''])
  assert.deepEqual(said({ cutMs: 20_000 }), ['', '', ''])
})

test('the stock curve looks ahead to where it meets nought, the others end now', () => {
  const moment = recorded()
  const whole = { range: /** @type {const} */ ('all'), zoom: null, sku: '' }
  const [viewers, rate, , , stock] = trends(moment, whole, [])
  assert.equal(viewers.to, moment.nowMs)
  assert.deepEqual(viewers.lines.map((line) => line.key), ['viewers@room:room-1', 'viewers@room:room-2'], 'before any of the past is here')
  assert.ok(stock.forecast && stock.to > moment.nowMs)
  assert.equal(stock.forecast?.outText, '售罄 20:46')
  assert.deepEqual([rate.limit?.value, rate.limit?.text], [5, '5.0%'])
  assert.equal(stock.limit?.value, 200, 'the stock line of the product is the rule\'s')
  const { from, to } = extent(moment, { ...whole, range: '10m' })
  assert.equal(to - from, 600_000)
  const zoom = { from: moment.nowMs - 400_000, to: moment.nowMs - 300_000 }
  assert.deepEqual(extent(moment, { ...whole, zoom }), zoom)
})

test('a limit is the mildest line of the rules in force, and may be a share of something that moves', () => {
  const board = { ...EMPTY, topics: { limits: new Map([
    ['a', { rule: 'a', severity: /** @type {const} */ ('P1'), metric: 'viewers', scope: 'session', below: true, value: 50 }],
    ['b', { rule: 'b', severity: /** @type {const} */ ('P2'), metric: 'viewers', scope: 'session', below: true, value: 80 }],
    ['c', { rule: 'c', severity: /** @type {const} */ ('P1'), metric: 'bitrate_kbps', scope: 'line', below: true, value: 0.6, of: 'target_kbps' }]
  ]) } }
  assert.equal(limitOf(board, 'viewers', 'session')?.value, 80)
  assert.equal(limitOf(board, 'bitrate_kbps', 'line', () => 4_000)?.value, 2_400)
  assert.equal(limitOf(board, 'bitrate_kbps', 'line'), null)
  assert.equal(limitOf(board, 'gmv', 'session'), null)
  assert.equal(isBack(board, 'b', () => 90), true)
  assert.equal(isBack(board, 'b', () => 70), false)
  assert.equal(isBack(board, 'b', () => 80), false, 'on the line nothing is over: 0 left of a product without a stock line')
  assert.equal(isBack(board, 'b', () => null), false)
})

test('many seconds become the lowest and highest of each step, in the order they came; unknown stays unknown', () => {
  const history = new History()
  const values = Array.from({ length: 60 }, (_, i) => (i < 10 ? null : i === 25 ? 90 : i === 22 ? 1 : 40))
  history.load([{ metric: 'viewers', scope: 'session', scope_id: '', minute_ms: 600_000, values }])
  const first = new Float64Array(8)
  const second = new Float64Array(8)
  assert.equal(history.fold('viewers@session', 600_000, 10_000, 6, first, second), 90)
  assert.deepEqual([...first.slice(0, 4)], [NaN, 40, 1, 40])
  assert.deepEqual([...second.slice(0, 4)], [NaN, 40, 90, 40])
  assert.equal(history.fold('gmv@session', 600_000, 10_000, 6, first, second), 0)
  assert.ok(first.slice(0, 6).every(Number.isNaN))
})

test('marks tell how an alert and a prompt went on; those that would lie on each other become one', () => {
  const alerts = [
    alert({ id: 'b', severity: 'P1', opened_ms: 61_000 }), alert({ id: 'quiet', severity: 'P4', opened_ms: 5 }),
    alert({ id: 'a', opened_ms: 1_000, condition: 'ended', ended_ms: 31_000, acked_by: '周敏', acked_ms: 20_000 }), alert({ id: 'c', opened_ms: 62_000 })
  ]
  const marks = alertMarks(alerts, 'UTC')
  assert.deepEqual(marks.map((mark) => [mark.chosen.id, mark.to, mark.state, mark.also]), [
    ['a', 31_000, '已结束', '00:00:01–00:00:31 · 持续 00:30 · 周敏 确认'], ['b', null, '未确认', '00:01:01 起'], ['c', null, '未确认', '00:01:02 起']
  ])
  assert.deepEqual(clustered(marks, 10_000).map((group) => group.length), [1, 2])
  const chain = [0, 6_000, 12_000].map((at) => ({ ...marks[0], at }))
  assert.deepEqual(clustered(chain, 10_000).map((group) => group.length), [2, 1], 'no group is wider than one sign')
  const by = { kind: /** @type {const} */ ('operator'), id: 'z', name: '周敏', role: /** @type {const} */ ('controller') }
  const sent = { id: 'p', n: 1, text: { 'zh-CN': '更正' }, level: /** @type {const} */ ('urgent'), by, sent_ms: 0, alert: 'a', receipts: [{ device: 'd', device_name: '平板 A', shown_ms: 300, seen_ms: 2_000 }] }
  const [correction] = promptMarks([sent], () => true, 'UTC')
  assert.deepEqual([correction.look, correction.state, correction.also], ['correction seen', '更正', '00:00:00 发出 · 00:00:02 看到'])
  assert.equal(promptMarks([sent], () => false, 'UTC')[0].look, 'prompt seen')
  assert.deepEqual(promptMarks([{ ...sent, state: 'withdrawn' }], () => true, 'UTC'), [])
})

test('goods beyond the board are told by their newest known second, with the name the workspace gives them', () => {
  const row = (/** @type {string} */ metric, /** @type {number} */ minute, /** @type {(number | null)[]} */ values) => ({ metric, scope: /** @type {const} */ ('sku'), scope_id: 's9', minute_ms: minute, values })
  const rest = restOf([row('sellable', 60_000, [90, null]), row('sellable', 0, [100, 99]), row('sell_rate', 60_000, [9, null])], new Map([['s9', '礼盒']]), new Map())
  assert.deepEqual(rest, [{ sku: 's9', name: '礼盒', listed: true, sellable: 90, sell_rate: 9, eta_min: 10 }])
  assert.deepEqual(restOf([row('sellable', 0, [1])], new Map(), new Map([['s9', sku({})]])), [])
})
