// Promise: what a tablet keeps for a time without a network is of an instant, says of which, and is never too old.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EMPTY } from '../../static/js/feed/board.js'
import { UNSET, sessionNow } from '../../static/js/feed/clock.js'
import { forgetLast, keepLast, readLast } from '../../static/js/feed/last.js'

const AT = 1_795_437_384_000
const HOUR = 3_600_000
const clock = { ...UNSET, offsets: [40, 60], offset: 50, wall_ms: AT + 50, now_ms: AT - HOUR, rate: 1, at: AT }

/** @param {number} [prompts] @returns {any} */
const board = (prompts = 2) => ({
  ...EMPTY,
  epoch: 7,
  seq: 12,
  topics: {
    session: new Map([['head', { id: 's1', state: 'live' }]]),
    rundown: new Map([['now', { segments: [] }]]),
    prompts: new Map(Array.from({ length: prompts }, (_, n) => [`p${n}`, { id: `p${n}`, n }])),
    alerts: new Map([['a1', { id: 'a1' }]])
  }
})

function storage () {
  const kept = new Map()
  return {
    kept,
    getItem: (/** @type {string} */ key) => kept.get(key) ?? null,
    setItem: (/** @type {string} */ key, /** @type {string} */ value) => { kept.set(key, value) },
    removeItem: (/** @type {string} */ key) => { kept.delete(key) }
  }
}

test('what is read again has the time of its last frame, and any snapshot replaces it', () => {
  const device = storage()
  keepLast(device, 'd1', { board: board(), clock })
  const last = readLast(device, 'd1', AT + HOUR)
  assert.deepEqual([...(last?.board.topics.prompts ?? [])].map(([id]) => id), ['p0', 'p1'])
  assert.deepEqual([last?.board.epoch, last?.board.seq, last?.board.hello], [0, 0, null])
  assert.equal(last?.clock.now_ms, AT - HOUR)
  assert.equal(Math.round(sessionNow(/** @type {any} */ (last?.clock), AT + 1_000)), AT - HOUR + 1_000)
})

test('only what the host reads is kept, and the newest cards of it', () => {
  const device = storage()
  keepLast(device, 'd1', { board: board(80), clock })
  const last = readLast(device, 'd1', AT)
  assert.deepEqual(Object.keys(last?.board.topics ?? {}), ['session', 'rundown', 'prompts'])
  assert.equal(last?.board.topics.prompts?.size, 50)
  assert.ok(last?.board.topics.prompts?.has('p79'))
})

test('another evening, another device, no session and a broken value are nothing', () => {
  const device = storage()
  keepLast(device, 'd1', { board: board(), clock })
  assert.equal(readLast(device, 'd1', AT + 13 * HOUR), null)
  assert.equal(readLast(device, 'd2', AT), null)
  device.kept.set('cueroom.host.last.d1', '{"topics"')
  assert.equal(readLast(device, 'd1', AT), null)
  device.kept.set('cueroom.host.last.d1', '{"topics":{"session":3},"clock":{"at":' + AT + '}}')
  assert.equal(readLast(device, 'd1', AT), null)
  keepLast(device, 'd1', { board: { ...board(), topics: {} }, clock })
  assert.equal(device.kept.size, 0)
})

test('a device that is not paired any more has nothing', () => {
  const device = storage()
  keepLast(device, 'd1', { board: board(), clock })
  forgetLast(device, 'd1')
  assert.equal(device.kept.size, 0)
})

test('a storage that is full or forbidden costs nothing but the keeping', () => {
  const forbidden = () => { throw new Error('no') }
  const device = { getItem: forbidden, setItem: forbidden, removeItem: forbidden }
  keepLast(device, 'd1', { board: board(), clock })
  forgetLast(device, 'd1')
  assert.equal(readLast(device, 'd1', AT), null)
})
