// Promise: a card is broken where a speaker would breathe, and its prices and quantities stand out whole.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { clauses, lines, pieces, sizeFor, width } from '../../static/js/saying.js'

/** @param {string} line */
const keys = (line) => pieces(line).filter(({ key }) => key).map(({ text }) => text)

test('each sentence has its line, and the full stop at its end is the line\'s end', () => {
  assert.deepEqual(lines('礼盒库存紧张，先讲单瓶装。单瓶 ¥128，两瓶 ¥236'), ['礼盒库存紧张，先讲单瓶装', '单瓶 ¥128，两瓶 ¥236'])
  assert.deepEqual(lines('家里待客喝什么？会的扣 1！'), ['家里待客喝什么？', '会的扣 1！'])
  assert.deepEqual(lines('Gift box running low. Show the bottle'), ['Gift box running low.', 'Show the bottle'])
  assert.deepEqual(lines('一行\n另一行'), ['一行', '另一行'])
  assert.deepEqual(lines(''), [])
})

test('a figure with a point is no end of a sentence', () => {
  assert.deepEqual(lines('品鉴小酒 ¥29.9，1.5 升'), ['品鉴小酒 ¥29.9，1.5 升'])
})

test('no more than five lines, and nothing of the text is lost', () => {
  const seven = lines('一。二。三。四。五。六。七。')
  assert.equal(seven.length, 5)
  assert.equal(seven.join('').replace(/ /g, ''), '一二三四五六七')
})

test('prices and quantities stand out, other figures do not', () => {
  assert.deepEqual(keys('单瓶 ¥128，两瓶 ¥236'), ['¥128', '¥236'])
  assert.deepEqual(keys('原价 1,299.00 元，现在 5 折，限 300 件'), ['1,299.00 元', '5 折', '300 件'])
  assert.deepEqual(keys('Only $12.50, 300 left'), ['$12.50', '300 left'])
  assert.deepEqual(keys('one ¥128, two ¥1,236, then 12,000 units'), ['¥128', '¥1,236', '12,000 units'])
  assert.deepEqual(keys('53 度，500 毫升，48 小时内发，会的扣 1'), [])
})

test('the pieces and the clauses of a line are the line', () => {
  for (const line of ['单瓶 ¥128，两瓶 ¥236', '¥9.9', 'One ¥128, two ¥236', '更正：酒不能御寒，请理性饮酒', '20:52 开始', '1,200 件']) {
    assert.equal(pieces(line).map(({ text }) => text).join(''), line)
    assert.equal(clauses(line).flat().map(({ text }) => text).join(''), line)
  }
})

test('a line is broken after a comma, never inside a figure or a time', () => {
  const said = (/** @type {string} */ line) => clauses(line).map((clause) => clause.map(({ text }) => text).join(''))
  assert.deepEqual(said('更正：酒不能御寒，请理性饮酒'), ['更正：', '酒不能御寒，', '请理性饮酒'])
  assert.deepEqual(said('One ¥1,280, two ¥2,360'), ['One ¥1,280, ', 'two ¥2,360'])
  assert.deepEqual(said('20:52 开始'), ['20:52 开始'])
})

test('a short text is one size up, a long one as chosen', () => {
  assert.equal(width('礼盒库存紧张'), 6)
  assert.ok(width('Gift box') < 5)
  assert.equal(sizeFor(['礼盒库存紧张，先讲单瓶装'], 64), 80)
  assert.equal(sizeFor(['礼盒库存紧张，先讲单瓶装，再讲双支对酒'], 64), 64)
  assert.equal(sizeFor(['一', '二', '三', '四'], 64), 64)
})
