// Promise: what one tablet shows follows the eight rules at the top of feed/cards.js, whatever order things happen in.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { cards, unconfirmed, withAnswers } from '../../static/js/feed/cards.js'

/**
 * @import { Answer } from '../../static/js/feed/cards.js'
 * @import { Prompt, PromptReceipt } from '../../static/types/frames.js'
 */

const NOW = 100_000
const A = 'tablet-a'

/**
 * @param {number} n
 * @param {Partial<Prompt> & { mine?: Partial<PromptReceipt> }} [over]
 * @returns {Prompt}
 */
function prompt (n, { mine, ...over } = {}) {
  return {
    id: `p${n}`,
    n,
    text: { 'zh-CN': `第 ${n} 条` },
    level: 'normal',
    by: { kind: 'operator', id: 'u', name: '周敏', role: 'controller' },
    sent_ms: n * 1000,
    receipts: mine ? [{ device: A, device_name: '平板 A', ...mine }] : [],
    ...over
  }
}
/** @param {Prompt[]} prompts */
function shown (prompts) {
  const now = cards(prompts, A, NOW)
  return { urgent: now.urgent?.prompt.n, current: now.current?.prompt.n, next: now.next?.prompt.n, waiting: now.waiting }
}
const nothing = { urgent: undefined, current: undefined, next: undefined, waiting: 0 }

test('no prompts, no cards', () => {
  assert.deepEqual(shown([]), nothing)
})

test('the oldest unread card comes first, the others wait and are counted', () => {
  assert.deepEqual(shown([prompt(3), prompt(1), prompt(2)]), { ...nothing, current: 1, waiting: 2 })
})

test('a new card never replaces an unread one', () => {
  const before = [prompt(2, { mine: { shown_ms: 2500 } })]
  assert.equal(shown(before).current, 2)
  assert.deepEqual(shown([...before, prompt(3), prompt(4, { level: 'info' })]), { ...nothing, current: 2, waiting: 2 })
})

test('not even an older card, that came late, replaces the unread one on the screen', () => {
  assert.deepEqual(shown([prompt(1), prompt(2, { mine: { shown_ms: 2500 } })]), { ...nothing, current: 2, waiting: 1 })
})

test('an unread urgent card stands in the band and leaves the middle alone', () => {
  const standing = prompt(1, { mine: { shown_ms: 1500 } })
  assert.deepEqual(shown([standing, prompt(2, { level: 'urgent' })]), { ...nothing, urgent: 2, current: 1 })
})

test('of two urgent cards the older has the band, the other is counted', () => {
  const two = [prompt(2, { level: 'urgent' }), prompt(1, { level: 'urgent' })]
  assert.deepEqual(shown(two), { ...nothing, urgent: 1, waiting: 1 })
  assert.deepEqual(shown([two[0], prompt(1, { level: 'urgent', mine: { seen_ms: 5000 } })]), { ...nothing, urgent: 2, current: 1 })
})

test('the answer row belongs to the urgent card while it is unread, else to the middle', () => {
  const standing = prompt(1)
  assert.equal(cards([standing, prompt(2, { level: 'urgent' })], A, NOW).answers?.prompt.n, 2)
  assert.equal(cards([standing], A, NOW).answers?.prompt.n, 1)
  assert.equal(cards([], A, NOW).answers, null)
})

test('a read card stays until it is done', () => {
  assert.equal(shown([prompt(1, { mine: { shown_ms: 1500, seen_ms: 2000 } })]).current, 1)
  assert.deepEqual(shown([prompt(1, { mine: { shown_ms: 1500, seen_ms: 2000, done_ms: 3000 } })]), nothing)
})

test('done without seen is read and done', () => {
  assert.deepEqual(shown([prompt(1, { mine: { shown_ms: 1500, done_ms: 3000 } })]), nothing)
})

test('behind a read card the next unread one waits for a tap', () => {
  const read = prompt(1, { mine: { shown_ms: 1500, seen_ms: 2000 } })
  assert.deepEqual(shown([read, prompt(2), prompt(3)]), { ...nothing, current: 1, next: 2, waiting: 2 })
})

test('a tap that shows the next card passes the read one over, for good', () => {
  const passed = prompt(1, { mine: { shown_ms: 1500, seen_ms: 2000 } })
  assert.equal(shown([passed, prompt(2, { mine: { shown_ms: 4000 } })]).current, 2)
  assert.equal(shown([passed, prompt(2, { mine: { shown_ms: 4000, seen_ms: 5000 } })]).current, 2)
  assert.deepEqual(shown([passed, prompt(2, { mine: { shown_ms: 4000, seen_ms: 5000, done_ms: 6000 } })]), nothing)
})

test('while an unread card is in the middle there is no next: it must be read first', () => {
  assert.equal(shown([prompt(1, { mine: { shown_ms: 1500 } }), prompt(2)]).next, undefined)
})

test('a done card makes room for the oldest unread one without a tap', () => {
  assert.equal(shown([prompt(1, { mine: { seen_ms: 2000, done_ms: 3000 } }), prompt(2), prompt(3)]).current, 2)
})

test('a read urgent card moves to the middle, and the read card it covered comes back after it', () => {
  const read = prompt(1, { mine: { shown_ms: 1500, seen_ms: 2000 } })
  const urgent = { shown_ms: 4000, seen_ms: 5000 }
  assert.equal(shown([read, prompt(2, { level: 'urgent', mine: urgent })]).current, 2)
  assert.equal(shown([read, prompt(2, { level: 'urgent', mine: { ...urgent, done_ms: 6000 } })]).current, 1)
})

test('a read urgent card does not push out an unread card; it follows it', () => {
  const urgent = prompt(2, { level: 'urgent', mine: { shown_ms: 4000, seen_ms: 5000 } })
  assert.equal(shown([prompt(1, { mine: { shown_ms: 1500 } }), urgent]).current, 1)
  assert.equal(shown([prompt(1, { mine: { shown_ms: 1500, seen_ms: 6000, done_ms: 7000 } }), urgent]).current, 2)
})

test('a withdrawn card vanishes while it is unread, and stays when it was read', () => {
  assert.deepEqual(shown([prompt(1, { state: 'withdrawn', mine: { shown_ms: 1500 } })]), nothing)
  assert.deepEqual(shown([prompt(1, { state: 'withdrawn', level: 'urgent' })]), nothing)
  assert.equal(shown([prompt(1, { state: 'withdrawn', mine: { shown_ms: 1500, seen_ms: 2000 } })]).current, 1)
})

test('another tablet\'s receipts change nothing here', () => {
  const other = [{ device: 'tablet-b', device_name: '平板 B', shown_ms: 1500, seen_ms: 2000 }]
  assert.equal(shown([prompt(1, { state: 'seen', receipts: other })]).current, 1)
  const both = [...other, { device: A, device_name: '平板 A', shown_ms: 1600 }]
  assert.equal(shown([prompt(1, { state: 'done', receipts: both })]).current, 1)
})

test('a card done elsewhere before it was ever shown here is past', () => {
  const other = [{ device: 'tablet-b', device_name: '平板 B', shown_ms: 1500, seen_ms: 2000, done_ms: 3000 }]
  assert.deepEqual(shown([prompt(1, { state: 'done', receipts: other })]), nothing)
})

test('the age is counted in session time and never negative', () => {
  assert.equal(cards([prompt(1)], A, NOW).current?.age_ms, 99_000)
  assert.equal(cards([prompt(1)], A, 0).current?.age_ms, 0)
})

test('an answer counts at once, before the server knows it', () => {
  const board = [prompt(1, { mine: { shown_ms: 1500 } }), prompt(2)]
  /** @type {Answer[]} */
  const given = [{ prompt: 'p1', stage: 'seen', at_ms: 2000, word: 'out_of_stock' }]
  const laid = withAnswers(board, A, given)
  assert.deepEqual(shown(laid), { ...nothing, current: 1, next: 2, waiting: 1 })
  assert.equal(cards(laid, A, NOW).current?.receipt?.word, 'out_of_stock')
  assert.equal(board[0].receipts?.[0].seen_ms, undefined, 'the board itself is not touched')
})

test('the first instant of a stage stands', () => {
  const laid = withAnswers([prompt(1, { mine: { shown_ms: 1500, seen_ms: 2000 } })], A, [{ prompt: 'p1', stage: 'done', at_ms: 9000 }])
  assert.deepEqual(laid[0].receipts?.[0], { device: A, device_name: '平板 A', shown_ms: 1500, seen_ms: 2000, done_ms: 9000, word: undefined })
})

test('an answer is kept until the board shows it, a word until the board shows the word', () => {
  /** @type {Answer[]} */
  const given = [
    { prompt: 'p1', stage: 'shown', at_ms: 1500 },
    { prompt: 'p1', stage: 'seen', at_ms: 2000, word: 'help' },
    { prompt: 'p1', stage: 'done', at_ms: 2500 },
    { prompt: 'p9', stage: 'seen', at_ms: 2500 }
  ]
  const board = [prompt(1, { mine: { shown_ms: 1500, seen_ms: 1800 } })]
  assert.deepEqual(unconfirmed(board, A, given).map(({ prompt: id, stage }) => `${id} ${stage}`), ['p1 seen', 'p1 done', 'p9 seen'])
  const later = [prompt(1, { mine: { shown_ms: 1500, seen_ms: 1800, done_ms: 2500, word: 'help' } })]
  assert.deepEqual(unconfirmed(later, A, given).map(({ prompt: id }) => id), ['p9'])
})

test('of two words the last one counts, and the first is not waited for', () => {
  /** @type {Answer[]} */
  const given = [
    { prompt: 'p1', stage: 'seen', at_ms: 2000, word: 'help' },
    { prompt: 'p1', stage: 'seen', at_ms: 2500, word: 'repeat' }
  ]
  const before = [prompt(1, { mine: { shown_ms: 1500 } })]
  assert.equal(withAnswers(before, A, given)[0].receipts?.[0].word, 'repeat')
  assert.deepEqual(unconfirmed([prompt(1, { mine: { shown_ms: 1500, seen_ms: 2000, word: 'help' } })], A, given).map(({ word }) => word), ['repeat'])
  assert.deepEqual(unconfirmed([prompt(1, { mine: { shown_ms: 1500, seen_ms: 2000, word: 'repeat' } })], A, given), [])
})

test('whatever happens, an unread card that was shown is on the screen or has been withdrawn', () => {
  // A host and a controller acting at random; small numbers, so that every order of things comes up.
  let seed = 7
  const random = (/** @type {number} */ n) => { seed = (seed * 1103515245 + 12345) & 0x7fffffff; return (seed >> 8) % n }
  const mine = (/** @type {Prompt} */ one) => one.receipts?.find((receipt) => receipt.device === A)
  const isUnread = (/** @type {Prompt} */ one) => mine(one)?.seen_ms == null && one.state !== 'withdrawn'
  const come = { withdrawn: 0, turned: 0, behind: 0 }
  for (let run = 0; run < 300; run++) {
    /** @type {Prompt[]} */
    let board = []
    for (let at = 1; at < 40; at++) {
      const time = at * 1000
      const now = cards(board, A, time)
      for (const card of [now.urgent, now.current]) {
        if (card) board = withAnswers(board, A, [{ prompt: card.prompt.id, stage: 'shown', at_ms: time }])
      }
      const before = cards(board, A, time)
      const what = random(6)
      const open = board.filter(isUnread)
      const taken = what === 4 && open.length > 0 ? open[random(open.length)].id : ''
      if (what === 0) board = [...board, prompt(board.length + 1, { level: random(3) ? 'normal' : 'urgent' })]
      if (what === 1 && before.answers) board = withAnswers(board, A, [{ prompt: before.answers.prompt.id, stage: 'seen', at_ms: time }])
      if (what === 2 && before.answers) board = withAnswers(board, A, [{ prompt: before.answers.prompt.id, stage: 'done', at_ms: time }])
      if (what === 3 && before.next) board = withAnswers(board, A, [{ prompt: before.next.prompt.id, stage: 'shown', at_ms: time }])
      if (taken) board = board.map((one) => one.id === taken ? { ...one, state: 'withdrawn' } : one)
      const after = cards(board, A, time)
      const onScreen = [after.urgent, after.current].filter((card) => card !== null).map((card) => card.prompt.id)
      if (before.current && !before.current.read && (what === 0 || (taken && taken !== before.current.prompt.id))) {
        assert.equal(after.current?.prompt.id, before.current.prompt.id, 'another card replaced an unread one')
      }
      if (before.urgent && what !== 1 && what !== 2 && taken !== before.urgent.prompt.id) {
        assert.equal(after.urgent?.prompt.id, before.urgent.prompt.id, 'the band changed without an answer')
      }
      if (taken) assert.ok(!onScreen.includes(taken), 'a card that was taken back unread is still there')
      const shownUnread = board.filter((one) => isUnread(one) && mine(one)?.shown_ms != null)
      const hidden = shownUnread.filter((one) => !onScreen.includes(one.id))
      assert.deepEqual(hidden.map((one) => one.id), [], 'a card that was shown and not read has left the screen')
      come.withdrawn += Number(taken !== '')
      come.turned += Number(what === 3 && before.next !== null)
      come.behind += Number(after.waiting > 0)
    }
  }
  for (const [what, times] of Object.entries(come)) assert.ok(times > 50, `${what} came up ${times} times`)
})
