// Promise: a command that was taken and then lost is sent once more, with the same key.
import assert from 'node:assert/strict'
import { mock, test } from 'node:test'

import { post } from '../../static/js/feed/commands.js'

/**
 * Answer each POST with 202, and each question about it with what `asked` says to the n-th POST.
 *
 * @param {(posts: number) => Response} asked
 */
async function command (asked) {
  /** @type {string[]} */
  const keys = []
  mock.timers.enable({ apis: ['setTimeout'] })
  mock.method(globalThis, 'fetch', async (/** @type {string} */ _path, /** @type {RequestInit} */ init) => {
    if (init.method !== 'POST') return asked(keys.length)
    keys.push(new Headers(init.headers).get('Idempotency-Key') ?? '')
    return Response.json({}, { status: 202, headers: { Location: '/asked' } })
  })
  try {
    let over = false
    const answer = post('/api/x', {}).finally(() => { over = true })
    while (!over) {
      mock.timers.tick(700)
      await new Promise((resolve) => setImmediate(resolve))
    }
    return { keys, answer: await answer }
  } finally {
    mock.restoreAll()
    mock.timers.reset()
  }
}

const done = () => Response.json({ code: 'done', position: 7, at_ms: 1 })
const lost = () => Response.json({ code: 'not_taken' }, { status: 503 })

test('what the server says has not come is sent again with its key', async () => {
  const { keys, answer } = await command((posts) => posts === 1 ? lost() : done())
  assert.equal(keys.length, 2)
  assert.equal(keys[0], keys[1])
  assert.equal(answer.code, 'done')
})

test('what nothing is heard of is sent again, and only once', async () => {
  const { keys, answer } = await command(() => Response.json({}, { status: 202 }))
  assert.equal(keys.length, 2)
  assert.deepEqual([answer.ok, answer.code], [false, 'pending'])
})

test('what is not known yet is asked for again', async () => {
  let asked = 0
  const { keys, answer } = await command(() => asked++ === 0 ? Response.json({ code: 'not_found' }, { status: 404 }) : done())
  assert.equal(keys.length, 1)
  assert.ok(answer.ok)
})

test('what comes is not sent again', async () => {
  const { keys, answer } = await command(done)
  assert.equal(keys.length, 1)
  assert.ok(answer.ok)
})
