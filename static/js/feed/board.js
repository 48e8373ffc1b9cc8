/**
 * What this page believes: the topics of one board, and which frame it believed last. Pure: no DOM, no clock, no network.
 *
 * @import { Beat, Delta, Frame, Hello, Snapshot, TopicValues } from '../../types/frames.js'
 * @typedef {{ readonly [T in keyof TopicValues]?: ReadonlyMap<string, TopicValues[T]> }} Topics
 * @typedef {{ epoch: number, seq: number, parts: number, got: ReadonlyMap<number, Snapshot>, later: readonly Delta[] }} Partial
 * @typedef {{ hello: Hello | null, epoch: number, seq: number, topics: Topics, partial: Partial | null }} Board
 * @typedef {{ epoch: number, seq: number | null }} Want  what to ask for: what follows (epoch, seq), or a snapshot when seq is null
 * @typedef {{ board: Board, changed: ReadonlySet<string>, want: Want | null }} Step
 */

/** @type {Board} */
export const EMPTY = { hello: null, epoch: 0, seq: 0, topics: {}, partial: null }

/** @type {ReadonlySet<string>} */
const NOTHING = new Set()
const EVERYTHING = ['session', 'rooms', 'readings', 'skus', 'lines', 'alerts', 'rules', 'limits', 'prompts', 'rundown', 'messages',
  'sources', 'quick', 'gaps', 'guide', 'deliveries', 'channels', 'devices', 'health']

/**
 * @template {keyof TopicValues} T
 * @param {Board} board
 * @param {T} name
 * @returns {ReadonlyMap<string, TopicValues[T]>}  empty when the board has no such topic
 */
export function topic (board, name) {
  return /** @type {any} */ (board.topics[name] ?? new Map())
}

/**
 * @param {Board} board
 * @param {Frame} frame
 * @returns {Step}  `want` is set when frames are missing; the board is then as it was
 */
export function applyFrame (board, frame) {
  switch (frame.type) {
    case 'hello': return applyHello(board, frame)
    case 'snapshot': return applySnapshot(board, frame)
    case 'delta': return applyDelta(board, frame)
    case 'beat': return applyBeat(board, frame)
  }
}

/** @param {Board} board @param {Hello} hello @returns {Step} */
function applyHello (board, hello) {
  if (hello.session != null || hello.room === undefined || hello.room === '') {
    return { board: { ...board, hello }, changed: new Set(['hello']), want: null }
  }
  // The room has no session now: nothing that was shown is true any more.
  return { board: { ...board, hello, topics: {}, partial: null }, changed: new Set(['hello', ...EVERYTHING]), want: null }
}

/** @param {Board} board @param {Snapshot} frame @returns {Step} */
function applySnapshot (board, frame) {
  if (frame.epoch < board.epoch) return { board, changed: NOTHING, want: null } // an owner that has been replaced
  const same = board.partial && board.partial.epoch === frame.epoch && board.partial.seq === frame.seq
  const partial = same && board.partial ? board.partial : { epoch: frame.epoch, seq: frame.seq, parts: frame.parts, got: new Map(), later: [] }
  const got = new Map(partial.got).set(frame.part, frame)
  if (got.size < frame.parts) return { board: { ...board, partial: { ...partial, got } }, changed: NOTHING, want: null }
  /** @type {Step} */
  let step = {
    board: { ...board, epoch: frame.epoch, seq: frame.seq, topics: joined(got.values()), partial: null },
    changed: new Set(EVERYTHING),
    want: null
  }
  for (const delta of partial.later) {
    if (!step.want) step = { ...applyDelta(step.board, delta), changed: step.changed }
  }
  return step
}

/** @param {Iterable<Snapshot>} parts @returns {Topics} */
function joined (parts) {
  /** @type {{ [topic: string]: Map<string, any> }} */
  const topics = {}
  for (const part of parts) {
    for (const [name, values] of Object.entries(part.topics)) {
      const map = (topics[name] ??= new Map())
      for (const [key, value] of Object.entries(values)) map.set(key, value)
    }
  }
  return /** @type {any} */ (topics)
}

/** @param {Board} board @param {Delta} delta @returns {Step} */
function applyDelta (board, delta) {
  if (board.partial && delta.epoch === board.partial.epoch && delta.seq > board.partial.seq) {
    return { board: { ...board, partial: { ...board.partial, later: [...board.partial.later, delta] } }, changed: NOTHING, want: null }
  }
  const want = missing(board, delta.epoch, delta.seq - 1)
  if (want || delta.epoch < board.epoch || delta.seq <= board.seq) return { board, changed: NOTHING, want }
  /** @type {{ [topic: string]: ReadonlyMap<string, any> }} */
  const topics = { .../** @type {any} */ (board.topics) }
  for (const [name, change] of Object.entries(delta.topics)) {
    const map = new Map(topics[name] ?? [])
    for (const key of change.gone ?? []) map.delete(key)
    for (const [key, value] of Object.entries(change.set ?? {})) map.set(key, value)
    topics[name] = map
  }
  return { board: { ...board, seq: delta.seq, topics: /** @type {any} */ (topics) }, changed: new Set(Object.keys(delta.topics)), want: null }
}

/** @param {Board} board @param {Beat} beat @returns {Step} */
function applyBeat (board, beat) {
  return { board, changed: NOTHING, want: board.partial ? null : missing(board, beat.epoch, beat.seq) }
}

/**
 * @param {Board} board
 * @param {number} epoch
 * @param {number} upto  the newest delta that must have been seen by now
 * @returns {Want | null}
 */
function missing (board, epoch, upto) {
  if (epoch > board.epoch) return { epoch, seq: null }
  if (epoch === board.epoch && upto > board.seq) return { epoch, seq: board.seq }
  return null
}
