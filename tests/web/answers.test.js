// Promise: what the host answered is never lost and never doubled, whatever the network and the device do.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Answers } from '../../static/js/feed/answers.js'
import { USUAL, bounded, keepComfort, readComfort } from '../../static/js/feed/comfort.js'

/**
 * @import { Kept } from '../../static/js/feed/answers.js'
 * @import { Prompt } from '../../static/types/frames.js'
 */

/** A device's storage. */
function drawer () {
  /** @type {Map<string, string>} */
  const kept = new Map()
  return {
    kept,
    getItem: (/** @type {string} */ key) => kept.get(key) ?? null,
    setItem: (/** @type {string} */ key, /** @type {string} */ value) => { kept.set(key, value) },
    removeItem: (/** @type {string} */ key) => { kept.delete(key) }
  }
}

/** A server that can be away; it takes each key once, and refuses a key that comes with another body. */
function server () {
  const state = { away: false, code: 'done', taken: /** @type {string[]} */ ([]), at: /** @type {number[]} */ ([]) }
  /** @type {Map<string, string>} */
  const bodies = new Map()
  const send = async (/** @type {Kept} */ { prompt, stage, word, at_ms: at }, /** @type {string} */ key) => {
    if (state.away) return { ok: false, code: 'unreachable' }
    const body = JSON.stringify([prompt, stage, word, at])
    if (bodies.has(key)) return { ok: bodies.get(key) === body, code: bodies.get(key) === body ? state.code : 'key_reused' }
    bodies.set(key, body)
    state.taken.push([prompt, stage, word].filter(Boolean).join(' '))
    state.at.push(at)
    return { ok: state.code === 'done', code: state.code }
  }
  return { state, send }
}

/** @param {Partial<import('../../static/types/frames.js').PromptReceipt>} mine @returns {Prompt[]} */
const board = (mine) => [{ id: 'p1', n: 1, text: {}, level: 'normal', by: { kind: 'operator', id: 'u', name: '周敏', role: 'controller' }, sent_ms: 0, receipts: [{ device: 'd', device_name: 'A', ...mine }] }]

test('answers go out in their order, each with the time at which it was given', async () => {
  const { state, send } = server()
  const answers = new Answers('d', drawer(), send)
  answers.add('s', { prompt: 'p1', stage: 'shown', at_ms: 10 })
  answers.add('s', { prompt: 'p1', stage: 'seen', at_ms: 20, word: 'help' })
  await answers.flush()
  assert.deepEqual(state.taken, ['p1 shown', 'p1 seen help'])
  assert.deepEqual(state.at, [10, 20])
})

test('without a network they wait, and go out later with their own time', async () => {
  const { state, send } = server()
  state.away = true
  const answers = new Answers('d', drawer(), send)
  answers.add('s', { prompt: 'p1', stage: 'shown', at_ms: 10 })
  answers.add('s', { prompt: 'p1', stage: 'seen', at_ms: 20 })
  await answers.flush()
  assert.deepEqual(state.taken, [])
  assert.equal(answers.waiting, 1, 'what the host tapped, not what was painted')
  assert.equal(answers.overdue(1_000), false)
  assert.equal(answers.overdue(9_000), true)
  assert.equal(answers.overdue(3_015), false, 'what was painted has waited longer')
  state.away = false
  await answers.flush()
  assert.deepEqual(state.at, [10, 20])
  assert.equal(answers.waiting, 0)
})

test('they outlive the page', async () => {
  const { state, send } = server()
  const storage = drawer()
  state.away = true
  const before = new Answers('d', storage, send)
  before.add('s', { prompt: 'p1', stage: 'done', at_ms: 20 })
  await before.flush()
  state.away = false
  const after = new Answers('d', storage, send)
  assert.equal(after.waiting, 1)
  await after.flush()
  assert.deepEqual(state.taken, ['p1 done'])
})

test('the same tap twice is one answer, and the same answer twice is one command', async () => {
  const { state, send } = server()
  const answers = new Answers('d', drawer(), send)
  assert.equal(answers.add('s', { prompt: 'p1', stage: 'seen', at_ms: 20 }), true)
  assert.equal(answers.add('s', { prompt: 'p1', stage: 'seen', at_ms: 25 }), false)
  await Promise.all([answers.flush(), answers.flush()])
  assert.deepEqual(state.at, [20])
})

test('an answer whose reply was lost is sent again as the same command, also by the page after this one', async () => {
  const { state, send } = server()
  const storage = drawer()
  const lossy = async (/** @type {Kept} */ kept, /** @type {string} */ key) => { await send(kept, key); return { ok: false, code: 'unreachable' } }
  const before = new Answers('d', storage, lossy)
  before.add('s', { prompt: 'p1', stage: 'seen', at_ms: 20, word: 'help' })
  await before.flush()
  const after = new Answers('d', storage, send)
  await after.flush()
  assert.deepEqual(state.taken, ['p1 seen help'])
  assert.equal(after.waiting, 0)
})

test('a word that was called before can be called again', async () => {
  const { state, send } = server()
  const answers = new Answers('d', drawer(), send)
  const call = (/** @type {'help' | 'repeat'} */ word, /** @type {number} */ at) => answers.add('s', { prompt: 'p1', stage: 'seen', at_ms: at, word })
  assert.deepEqual([call('help', 20), call('repeat', 30), call('help', 40), call('help', 41)], [true, true, true, false])
  await answers.flush()
  assert.deepEqual([state.taken, state.at], [['p1 seen help', 'p1 seen repeat', 'p1 seen help'], [20, 30, 40]])
  answers.settle('s', board({ shown_ms: 10, seen_ms: 20, word: 'help' }))
  assert.equal(call('help', 50), true, 'what the board shows is kept no longer')
  await answers.flush()
  assert.deepEqual(state.at, [20, 30, 40, 50])
})

test('a word goes out also when the board still shows it from before another one', async () => {
  const { state, send } = server()
  const answers = new Answers('d', drawer(), send)
  answers.add('s', { prompt: 'p1', stage: 'seen', at_ms: 30, word: 'repeat' })
  answers.add('s', { prompt: 'p1', stage: 'seen', at_ms: 40, word: 'help' })
  answers.settle('s', board({ shown_ms: 10, seen_ms: 20, word: 'help' }))
  await answers.flush()
  assert.deepEqual(state.taken, ['p1 seen repeat', 'p1 seen help'])
})

test('a device that is not paired any more keeps no answer', async () => {
  const { state, send } = server()
  const storage = drawer()
  const answers = new Answers('d', storage, send)
  answers.add('s', { prompt: 'p1', stage: 'seen', at_ms: 20 })
  const sending = answers.flush()
  answers.forget()
  await sending
  assert.equal(storage.kept.size, 0)
  assert.equal(new Answers('d', storage, send).waiting, 0)
  assert.equal(state.taken.length, 1)
})

test('an answer is laid over the board until the board shows it, then it is dropped', async () => {
  const { send } = server()
  const answers = new Answers('d', drawer(), send)
  answers.add('s', { prompt: 'p1', stage: 'seen', at_ms: 20 })
  await answers.flush()
  answers.settle('s', board({ shown_ms: 10 }))
  assert.equal(answers.of('s').length, 1)
  answers.settle('s', board({ shown_ms: 10, seen_ms: 20 }))
  assert.equal(answers.of('s').length, 0)
})

test('another session drops what was sent and keeps what was not', async () => {
  const { state, send } = server()
  const answers = new Answers('d', drawer(), send)
  answers.add('old', { prompt: 'p1', stage: 'seen', at_ms: 20 })
  await answers.flush()
  state.away = true
  answers.add('old', { prompt: 'p2', stage: 'seen', at_ms: 30 })
  answers.settle('new', [])
  assert.deepEqual(answers.of('old').map(({ prompt }) => prompt), ['p2'])
})

test('a refusal for good is not sent again, and the card is as the board has it', async () => {
  const { state, send } = server()
  state.code = 'not_found'
  const answers = new Answers('d', drawer(), send)
  answers.add('s', { prompt: 'p1', stage: 'seen', at_ms: 20 })
  answers.add('s', { prompt: 'p2', stage: 'seen', at_ms: 30 })
  await answers.flush()
  assert.equal(state.taken.length, 2, 'the next one still goes')
  assert.equal(answers.of('s').length, 0)
})

test('a storage that is full or holds nonsense loses no answer of this page', async () => {
  const { state, send } = server()
  const broken = { getItem: () => '[{"prompt":1}, "x", null', setItem: () => { throw new Error('full') }, removeItem: () => { throw new Error('full') } }
  const answers = new Answers('d', broken, send)
  answers.add('s', { prompt: 'p1', stage: 'seen', at_ms: 20 })
  await answers.flush()
  assert.equal(state.taken.length, 1)
})

test('comfort is kept on the device, and nonsense falls back to the usual', () => {
  const storage = drawer()
  keepComfort(storage, { ...USUAL, size: 96, hand: 'right' })
  assert.deepEqual(readComfort(storage), { ...USUAL, size: 96, hand: 'right' })
  assert.deepEqual(readComfort({ getItem: () => '{{{' }), USUAL)
  assert.deepEqual(readComfort({ getItem: () => 'null' }), USUAL)
  assert.equal(bounded({ size: 400 }).size, 120)
  assert.equal(bounded({ size: 1, bright: 0 }).bright, 30)
  assert.equal(bounded({ size: NaN }).size, USUAL.size)
})
