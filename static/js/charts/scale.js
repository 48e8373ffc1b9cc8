/**
 * Round numbers for axes, and how many seconds one step of a curve takes. Pure.
 */

const SECOND = 1_000
/** Distances of time labels. */
export const TIME_STEPS_MS = [10_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000, 3_600_000, 7_200_000, 14_400_000]

/**
 * @param {number} highest
 * @returns {{ ceiling: number, ticks: number[] }}  round numbers, three or four lines
 */
export function scale (highest) {
  if (!(highest > 0)) return { ceiling: 1, ticks: [0] }
  const power = 10 ** Math.floor(Math.log10(highest))
  const step = [0.1, 0.2, 0.25, 0.5, 1, 2, 2.5, 5].map((m) => m * power).find((s) => highest / s <= 3.6) ?? power * 5
  const ticks = []
  for (let n = 0; n * step < highest * 1.02 || ticks.length < 2; n++) ticks.push(Number((n * step).toPrecision(12)))
  const top = ticks[ticks.length - 1]
  return { ceiling: top >= highest ? top : Math.max(top, highest * 1.08), ticks }
}

/**
 * The steps a stretch of time is drawn in: whole seconds, about one a pixel, from round instants, so that a curve that
 * moves on does not shimmer.
 *
 * @param {number} from
 * @param {number} to
 * @param {number} width  of the plot, in pixels
 * @returns {{ from: number, step: number, count: number }}
 */
export function steps (from, to, width) {
  const seconds = Math.max(1, Math.ceil((to - from) / SECOND / Math.max(1, width)))
  const step = seconds * SECOND
  const start = Math.floor(from / step) * step
  return { from: start, step, count: Math.max(1, Math.floor((to - start) / step) + 1) }
}
