// Promise: a stream line that has fallen silent is not said to recover by the last value it sent before.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import { liveOf } from '../../static/js/desk/live.js'
import { EMPTY, applyFrame } from '../../static/js/feed/board.js'
import { History } from '../../static/js/desk/history.js'
import { useWords } from '../../static/js/words.js'

/** @import { Alert, LineRow } from '../../static/types/frames.js' */

const read = (/** @type {string} */ path) => readFileSync(new URL(path, import.meta.url), 'utf8')
useWords('zh-CN', JSON.parse(read('../../app/locale/desk.zh-CN.json')))

test('a silent line has no value of now, and is back only by what it sent since', () => {
  const lines = read('./frames/console.ndjson').trim().split('\n').map((line) => JSON.parse(line))
  const board = lines.reduce((now, frame) => applyFrame(now, frame).board, EMPTY)
  const [name] = [...board.topics.lines.keys()]
  const opened = 1_795_437_400_000
  const evidence = [{ kind: /** @type {const} */ ('reading'), at_ms: opened, name: 'i.bitrate_kbps', value: 3_950 }]
  const alert = /** @type {Alert} */ ({ id: 'a', rule: 'stream-fault', rule_version: '1', scope: 'line', scope_id: name, labels: {}, severity: 'P1', condition: 'firing', opened_ms: opened, changed_ms: opened, version: 1, title: {}, evidence })
  const limit = { rule: 'stream-fault', severity: 'P1', metric: 'bitrate_kbps', scope: 'line', below: true, value: 0.6, of: 'target_kbps' }
  const at = (/** @type {number} */ seenMs, /** @type {number} */ nowMs) => {
    const line = /** @type {LineRow} */ ({ name, target_kbps: 4_000, bitrate_kbps: 3_950, seen_ms: seenMs })
    const topics = { ...board.topics, lines: new Map([[name, line]]), limits: new Map([['l', limit]]) }
    const moment = { board: { ...board, topics }, history: new History(), nowMs, knownMs: nowMs, cutMs: 0, zone: 'Asia/Shanghai', currency: 'CNY', head: { ...board.topics.session.get('head'), state: 'live' } }
    return liveOf(/** @type {any} */ (moment), alert)
  }
  assert.equal(at(opened - 5_000, opened)?.back, false)
  assert.equal(at(opened - 5_000, opened + 1_000), null)
  assert.equal(at(opened + 2_000, opened + 2_500)?.back, true)
})
