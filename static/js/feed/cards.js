/**
 * Which cards one tablet shows, from the session's prompts and this tablet's own receipts. Pure: no DOM, no clock.
 * The console's host mirror uses it too, so what is shown follows from the receipts alone:
 *
 *  1. A card is unread until this tablet has `seen` it; another tablet's receipts do not count.
 *  2. A card never leaves by itself: only a tap here, or the controller's withdrawal while it is unread, takes it away.
 *  3. An unread urgent card stands in the band above, the oldest first. The answer row belongs to it.
 *  4. An unread card that was shown in the middle stays there: nothing that comes later replaces it.
 *  5. A read card stays in the middle until it is done, or until the host taps for the next unread one, which is then
 *     shown. A card that was passed over by such a tap does not come back.
 *  6. A read urgent card moves from the band to the middle, unless an unread card stands there; then it follows that one.
 *  7. An empty middle takes the oldest unread card.
 *  8. A card that was done elsewhere before it was ever shown here is past: a tablet that is paired late starts clean.
 *
 * @import { Prompt, PromptReceipt } from '../../types/frames.js'
 * @typedef {{ prompt: Prompt, receipt: PromptReceipt | undefined, age_ms: number, read: boolean }} Card
 * @typedef {object} Cards
 * @property {Card | null} urgent   in the band
 * @property {Card | null} current  in the middle
 * @property {Card | null} answers  the one the answer row belongs to
 * @property {Card | null} next     what a tap on 还有 n 条 brings; null while an unread card is in the middle
 * @property {number} waiting       unread cards that are not on the screen
 * @typedef {{ prompt: string, stage: 'shown' | 'seen' | 'done', at_ms: number, word?: NonNullable<PromptReceipt['word']> }} Answer
 */

/**
 * @param {Prompt} prompt
 * @param {string} device
 */
const receiptOf = (prompt, device) => prompt.receipts?.find((receipt) => receipt.device === device)

/** @param {PromptReceipt | undefined} receipt  when the card was first on this screen; a card that was seen was shown */
const shownAt = (receipt) => receipt?.shown_ms ?? receipt?.seen_ms ?? receipt?.done_ms ?? null

/** @param {PromptReceipt | undefined} receipt  when it was read here; a card that was done was read */
const readAt = (receipt) => receipt?.seen_ms ?? receipt?.done_ms ?? null

/** @param {Card} card  when it was read, for one that is known to be read */
const readInstant = (card) => readAt(card.receipt) ?? 0

/**
 * @param {Card} a
 * @param {Card} b
 */
const latestReadFirst = (a, b) => readInstant(b) - readInstant(a) || b.prompt.n - a.prompt.n

/**
 * @param {Iterable<Prompt>} prompts
 * @param {string} device  this tablet's id, as in its receipts
 * @param {number} nowMs   session time
 * @returns {Cards}
 */
export function cards (prompts, device, nowMs) {
  /** @type {Card[]} */
  const all = [...prompts]
    .map((prompt) => {
      const receipt = receiptOf(prompt, device)
      return { prompt, receipt, age_ms: Math.max(0, nowMs - prompt.sent_ms), read: readAt(receipt) !== null }
    })
    .sort((a, b) => a.prompt.n - b.prompt.n)
  const unread = all.filter(({ prompt, receipt, read }) =>
    !read && prompt.state !== 'withdrawn' && !(prompt.state === 'done' && shownAt(receipt) === null))
  const calm = unread.filter(({ prompt }) => prompt.level !== 'urgent')
  const urgent = unread.find(({ prompt }) => prompt.level === 'urgent') ?? null

  // Instant of the last card that came to the middle: whatever was read before it has been passed over.
  const turned = Math.max(-1, ...all.filter(({ prompt }) => prompt.level !== 'urgent').map(({ receipt }) => shownAt(receipt) ?? -1))
  const standing = calm.findLast(({ receipt }) => shownAt(receipt) !== null)
  const open = all
    .filter(({ receipt, read }) => read && (receipt?.done_ms ?? null) === null)
    .filter((card) => readInstant(card) >= turned)
    .sort(latestReadFirst)
  const current = standing ?? open[0] ?? calm[0] ?? null

  const behind = unread.filter((card) => card !== urgent && card !== current)
  const next = current?.read ? behind.find(({ prompt }) => prompt.level !== 'urgent') ?? null : null
  return { urgent, current, answers: urgent ?? current, next, waiting: behind.length }
}

/**
 * The prompts with this tablet's answers laid over them that the server has not confirmed yet. Stages only rise and the
 * first instant of a stage stands, as in the engine.
 *
 * @param {Iterable<Prompt>} prompts
 * @param {string} device
 * @param {Iterable<Answer>} answers
 * @returns {Prompt[]}
 */
export function withAnswers (prompts, device, answers) {
  /** @type {Map<string, Answer[]>} */
  const mine = new Map()
  for (const answer of answers) mine.set(answer.prompt, [...(mine.get(answer.prompt) ?? []), answer])
  return [...prompts].map((prompt) => {
    const given = mine.get(prompt.id)
    if (!given) return prompt
    /** @type {PromptReceipt} */
    let receipt = receiptOf(prompt, device) ?? { device, device_name: '' }
    for (const { stage, at_ms: at, word } of given) {
      receipt = {
        ...receipt,
        shown_ms: receipt.shown_ms ?? at,
        seen_ms: stage === 'shown' ? receipt.seen_ms : receipt.seen_ms ?? at,
        done_ms: stage === 'done' ? receipt.done_ms ?? at : receipt.done_ms,
        word: word || receipt.word
      }
    }
    return { ...prompt, receipts: [...(prompt.receipts ?? []).filter((one) => one.device !== device), receipt] }
  })
}

/**
 * The answers the server does not know yet: those whose stage (or word) is not on the board. Of several words given to
 * one card the last one counts, here and in the engine.
 *
 * @param {Iterable<Prompt>} prompts
 * @param {string} device
 * @param {readonly Answer[]} answers
 * @returns {Answer[]}
 */
export function unconfirmed (prompts, device, answers) {
  const known = new Map([...prompts].map((prompt) => [prompt.id, receiptOf(prompt, device)]))
  const words = new Map(answers.filter(({ word }) => word).map(({ prompt, word }) => [prompt, word]))
  return answers.filter(({ prompt, stage, word }) => {
    const receipt = known.get(prompt)
    if (word && word === words.get(prompt) && receipt?.word !== word) return true
    const at = { shown: shownAt(receipt), seen: readAt(receipt), done: receipt?.done_ms ?? null }[stage]
    return at === null
  })
}
