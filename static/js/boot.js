/**
 * What the server wrote into the page: who is here, which room, and the words. Read once, before anything is drawn.
 *
 * @typedef {{ id: string, name: string, platform: string }} RoomName
 * @typedef {{
 *   lang: string, theme: string, words: { [key: string]: string },
 *   me: { id: string, name: string, role: string }, rooms: RoomName[], room?: RoomName & { zone: string }
 * }} Boot
 */

import { useWords } from './words.js'

/** @returns {Boot} */
export function readBoot () {
  const facts = JSON.parse(document.getElementById('boot')?.textContent ?? '{}')
  useWords(facts.lang, facts.words)
  return facts
}
