// Promise: whatever order, gap or cut the frames come in, a page believes what the server's board says, or asks for it.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import { EMPTY, applyFrame, topic } from '../../static/js/feed/board.js'
import { UNSET, greeted, jumped, sessionNow, stamped, wallNow } from '../../static/js/feed/clock.js'
import { CLOSE_FORBIDDEN, CLOSE_NOT_FOUND, CLOSE_RESTART, CLOSE_SIGNED_OUT, IDLE, delayMs, linkState, mayRetry } from '../../static/js/feed/resume.js'
import { Feed } from '../../static/js/feed/socket.js'

/** @import { Delta, Frame, Snapshot } from '../../static/types/frames.js' */
/** @import { Board } from '../../static/js/feed/board.js' */

const TIME = { now_ms: 1_000, wall_ms: 2_000, rate: 1 }

/** @param {number} seq @param {{ [key: string]: any }} set @param {string[]} [gone] @param {number} [epoch] @returns {Delta} */
const delta = (seq, set, gone, epoch = 7) => ({ type: 'delta', epoch, seq, ...TIME, topics: { alerts: gone ? { set, gone } : { set } } })

/** @param {number} seq @param {{ [key: string]: any }} alerts @param {number} [epoch] @param {number} [part] @param {number} [parts] @returns {Snapshot} */
const snapshot = (seq, alerts, epoch = 7, part = 1, parts = 1) => ({ type: 'snapshot', epoch, seq, part, parts, ...TIME, topics: { alerts } })

/** @param {readonly Frame[]} frames @param {Board} [board] */
const follow = (frames, board = EMPTY) => frames.reduce((now, frame) => applyFrame(now, frame).board, board)

/** @param {Board} board */
const alerts = (board) => Object.fromEntries(topic(board, 'alerts'))

test('a snapshot replaces everything', () => {
  const board = follow([snapshot(3, { a: 1, b: 2 }), snapshot(9, { c: 3 })])
  assert.deepEqual(alerts(board), { c: 3 })
  assert.equal(board.seq, 9)
})

test('a snapshot in parts is believed only when its last part is there', () => {
  const half = applyFrame(follow([snapshot(3, { old: 1 })]), snapshot(5, { a: 1 }, 7, 1, 2))
  assert.deepEqual(alerts(half.board), { old: 1 })
  assert.equal(half.changed.size, 0)
  assert.deepEqual(alerts(follow([snapshot(5, { b: 2 }, 7, 2, 2)], half.board)), { a: 1, b: 2 })
})

test('a delta that overtakes the last part of a snapshot is kept for after it', () => {
  const board = follow([snapshot(5, { a: 1 }, 7, 1, 2), delta(6, { c: 3 }), snapshot(5, { b: 2 }, 7, 2, 2)])
  assert.deepEqual(alerts(board), { a: 1, b: 2, c: 3 })
  assert.equal(board.seq, 6)
})

test('deltas in order set and remove by key', () => {
  assert.deepEqual(alerts(follow([snapshot(1, { a: 1, b: 2 }), delta(2, { a: 5 }), delta(3, { c: 4 }, ['b'])])), { a: 5, c: 4 })
})

test('a delta seen before a reconnect changes nothing', () => {
  const board = follow([snapshot(1, { a: 1 }), delta(2, { a: 2 })])
  const step = applyFrame(board, delta(2, { a: 9 }))
  assert.equal(step.board, board)
  assert.equal(step.want, null)
})

test('a missing delta is asked for from the last one believed, and nothing is applied over the hole', () => {
  const board = follow([snapshot(1, { a: 1 })])
  const step = applyFrame(board, delta(3, { a: 3 }))
  assert.deepEqual(step.want, { epoch: 7, seq: 1 })
  assert.deepEqual(alerts(step.board), { a: 1 })
})

test('a beat that is ahead of the board tells of a lost frame', () => {
  const board = follow([snapshot(4, {})])
  assert.deepEqual(applyFrame(board, { type: 'beat', epoch: 7, seq: 5, ...TIME }).want, { epoch: 7, seq: 4 })
  assert.equal(applyFrame(board, { type: 'beat', epoch: 7, seq: 4, ...TIME }).want, null)
})

test('a beat asks for nothing while a snapshot is on its way', () => {
  const half = follow([snapshot(3, { a: 1 }), snapshot(5, { a: 1 }, 7, 1, 2)])
  assert.equal(applyFrame(half, { type: 'beat', epoch: 7, seq: 5, ...TIME }).want, null)
})

test('frames of an owner that was replaced are ignored, a new owner is asked for a snapshot', () => {
  const board = follow([snapshot(4, { a: 1 })])
  assert.equal(applyFrame(board, delta(5, { a: 2 }, undefined, 6)).board, board)
  assert.equal(applyFrame(board, snapshot(99, {}, 6)).board, board)
  assert.deepEqual(applyFrame(board, delta(5, { a: 2 }, undefined, 8)).want, { epoch: 8, seq: null })
})

test('a hello without a session empties the board; one with a session does not', () => {
  const board = follow([snapshot(4, { a: 1 })])
  assert.deepEqual(alerts(follow([{ type: 'hello', room: 'r', session: 's' }], board)), { a: 1 })
  assert.deepEqual(alerts(follow([{ type: 'hello', room: 'r' }], board)), {})
})

test('old snapshot + deltas = fresh snapshot, on the recorded moment', () => {
  const lines = readFileSync(new URL('./frames/console.ndjson', import.meta.url), 'utf8').trim().split('\n').map((line) => JSON.parse(line))
  const fresh = lines.findLastIndex((/** @type {Frame} */ frame) => frame.type === 'snapshot' && frame.part === 1)
  const followed = follow(lines.slice(0, fresh))
  const anew = follow(lines.slice(fresh))
  const plain = (/** @type {Board} */ board) => Object.fromEntries(Object.entries(board.topics).map(([name, map]) => [name, Object.fromEntries(/** @type {Map<string, unknown>} */ (map))]))
  assert.ok(topic(followed, 'alerts').size > 0)
  assert.deepEqual(plain(followed), plain(anew))
})

test('the clock is the median of its samples: one late frame does not move it', () => {
  let clock = UNSET
  for (const late of [0, 0, 900, 0, 0]) clock = greeted(clock, 50_000, 40_000 + late)
  assert.equal(clock.offset, 10_000)
  assert.equal(wallNow(clock, 41_000), 51_000)
})

test('a device whose clock was set forgets what it knew', () => {
  const clock = greeted(greeted(UNSET, 100_000, 100_000), 101_000, 1_000)
  assert.equal(clock.offset, 100_000)
})

test('session time runs at its rate, and stands when the rate is nought', () => {
  const at = (/** @type {number} */ rate) => sessionNow(stamped(UNSET, { wall_ms: 5_000, now_ms: 700, rate }, 5_000, false), 7_000)
  assert.deepEqual([at(1), at(10), at(0)], [2_700, 20_700, 700])
})

test('session time never falls behind its newest frame', () => {
  assert.equal(sessionNow(stamped(UNSET, { wall_ms: 5_000, now_ms: 700, rate: 1 }, 5_000, false), 4_000), 700)
})

test('a beat is never kept: that it comes late tells of the clocks', () => {
  let clock = greeted(UNSET, 100_000, 90_000)
  for (const wall of [97_000, 98_000]) clock = stamped(clock, { wall_ms: wall, now_ms: 0, rate: 1 }, wall - 7_000, false)
  assert.equal(clock.offset, 7_000)
})

test('what is replayed after a cut says nothing about the clocks, but when it was', () => {
  const clock = stamped(greeted(UNSET, 100_000, 90_000), { wall_ms: 60_000, now_ms: 7_000, rate: 1 }, 90_050, true)
  assert.equal(clock.offset, 10_000)
  assert.equal(sessionNow(clock, 90_050), 7_000 + 40_050)
})

test('waiting doubles up to fifteen seconds, after a restart the first try comes within three', () => {
  assert.deepEqual([0, 1, 2, 9].map((attempt) => delayMs(attempt, 1006, 1)), [500, 1_000, 2_000, 15_000])
  assert.equal(delayMs(0, CLOSE_RESTART, 0.5), 1_500)
  assert.equal(delayMs(1, CLOSE_RESTART, 1), 1_000)
  assert.deepEqual([CLOSE_SIGNED_OUT, CLOSE_FORBIDDEN, CLOSE_NOT_FOUND].map(mayRetry), [false, false, false])
  assert.equal(mayRetry(CLOSE_RESTART), true)
})

test('the link says what it is: live, late, reconnecting, offline', () => {
  const open = { ...IDLE, open: true, frameAt: 10_000 }
  assert.equal(linkState(IDLE, 0), 'connecting')
  assert.equal(linkState(open, 11_000), 'live')
  assert.equal(linkState(open, 14_000), 'late')
  const lost = { ...IDLE, lostAt: 10_000, attempt: 2 }
  assert.equal(linkState(lost, 12_000), 'reconnecting')
  assert.equal(linkState(lost, 60_000), 'offline')
  const silent = { ...open, frameAt: null }
  assert.deepEqual([silent, { ...silent, lostAt: 10_000 }].map((link) => linkState(link, 11_000)), ['connecting', 'reconnecting'])
})

/** A browser in which time stands until it is moved, and sockets say nothing by themselves. */
class Around {
  now_ = 100_000
  /** @type {any[]} */ sockets = []
  /** @type {Map<number, { at: number, action: () => void }>} */ timers = new Map()
  #n = 0
  surroundings = {
    connect: (/** @type {string} */ url) => {
      const socket = { url, sent: /** @type {string[]} */ ([]), send: (/** @type {string} */ text) => socket.sent.push(text), close: () => {} }
      this.sockets.push(socket)
      return /** @type {any} */ (socket)
    },
    now: () => this.now_,
    chance: () => 1,
    later: (/** @type {() => void} */ action, /** @type {number} */ ms) => { this.timers.set(++this.#n, { at: this.now_ + ms, action }); return this.#n },
    cancel: (/** @type {number} */ id) => { this.timers.delete(id) }
  }

  get socket () { return this.sockets[this.sockets.length - 1] }

  /** @param {Frame} frame */
  hear (frame) { this.socket.onmessage({ data: JSON.stringify(frame) }) }

  /** @param {number} ms */
  pass (ms) {
    this.now_ += ms
    for (const [id, timer] of [...this.timers]) if (timer.at <= this.now_) { this.timers.delete(id); timer.action() }
  }
}

test('after a cut the page resumes where it stood and says how much it caught up', () => {
  const around = new Around()
  /** @type {number[]} */
  const caught = []
  const feed = new Feed('ws://x/ws/rooms/1?audience=control', { onCaughtUp: (n) => caught.push(n) }, around.surroundings)
  feed.open()
  around.socket.onopen()
  around.hear({ type: 'hello', room: '1', session: 's' })
  around.hear(snapshot(1, { a: 1 }))
  around.hear(delta(2, { a: 2 }))
  around.socket.onclose({ code: 1006 })
  assert.equal(feed.link.open, false)
  around.pass(500)
  assert.equal(around.sockets.length, 2)
  assert.match(around.socket.url, /audience=control&epoch=7&seq=2$/)
  around.socket.onopen()
  around.pass(5_000)
  around.hear({ type: 'hello', room: '1', session: 's', wall_ms: around.now_ })
  for (const seq of [3, 4]) around.hear({ ...delta(seq, { a: seq }), wall_ms: around.now_ - 4_000 })
  assert.deepEqual(caught, [])
  around.hear({ ...delta(5, { a: 5 }), wall_ms: around.now_ })
  assert.deepEqual(alerts(feed.board), { a: 5 })
  assert.deepEqual(caught, [3])
})

test('with a new owner there is nothing to catch up by', () => {
  const around = new Around()
  /** @type {number[]} */
  const caught = []
  const feed = new Feed('ws://x/ws', { onCaughtUp: (n) => caught.push(n) }, around.surroundings)
  feed.open()
  around.socket.onopen()
  around.hear(snapshot(1, {}))
  around.socket.onclose({ code: 1006 })
  around.pass(500)
  around.socket.onopen()
  around.hear(snapshot(9, {}, 8))
  assert.deepEqual(caught, [0])
})

test('a lost frame is asked for once a second at most', () => {
  const around = new Around()
  const feed = new Feed('ws://x/ws', {}, around.surroundings)
  feed.open()
  around.socket.onopen()
  around.hear(snapshot(1, {}))
  for (const seq of [3, 4, 5]) around.hear(delta(seq, {}))
  assert.deepEqual(around.socket.sent, ['{"type":"ask","epoch":7,"seq":1}'])
  around.pass(1_100)
  around.hear({ type: 'beat', epoch: 7, seq: 5, ...TIME })
  assert.equal(around.socket.sent.length, 2)
})

test('a socket that is silent for six beats is given up', () => {
  const around = new Around()
  const feed = new Feed('ws://x/ws', {}, around.surroundings)
  feed.open()
  around.socket.onopen()
  around.hear(snapshot(1, {}))
  around.pass(6_000)
  assert.equal(feed.link.open, false)
  around.pass(500)
  assert.equal(around.sockets.length, 2)
})

test('an attempt that nobody answers is given up, and the next one made', () => {
  const around = new Around()
  const feed = new Feed('ws://x/ws', {}, around.surroundings)
  feed.open()
  around.pass(10_000)
  assert.equal(feed.link.attempt, 1)
  around.pass(500)
  assert.equal(around.sockets.length, 2)
})

test('a page that was signed out does not try again', () => {
  const around = new Around()
  /** @type {number[]} */
  const codes = []
  const feed = new Feed('ws://x/ws', { onRefused: (code) => codes.push(code) }, around.surroundings)
  feed.open()
  around.socket.onclose({ code: CLOSE_SIGNED_OUT })
  around.pass(60_000)
  assert.deepEqual(codes, [CLOSE_SIGNED_OUT])
  assert.equal(around.sockets.length, 1)
})

test('a session whose time leaps or begins to run has a past that the page never saw', () => {
  const at = (/** @type {number} */ wall, /** @type {number} */ now, rate = 1) => stamped(UNSET, { wall_ms: wall, now_ms: now, rate }, wall, false)
  assert.equal(jumped(UNSET, at(9_000, 900_000)), false)
  assert.equal(jumped(at(9_000, 1_000), at(10_000, 2_100)), false)
  assert.equal(jumped(at(9_000, 1_000), at(10_000, 8_000)), true)
  assert.equal(jumped(at(9_000, 1_000, 60), at(10_000, 61_000, 60)), false)
  assert.equal(jumped(at(9_000, 1_000, 0), at(10_000, 1_000)), true)
  assert.equal(jumped(at(9_000, 1_000, 0), at(10_000, 1_000, 0)), false)
})
