/**
 * The chart library as the page loaded it before its own modules, if set-up brought it. Typed by the package itself.
 *
 * @typedef {import('uplot')} UPlot
 * @typedef {typeof import('uplot')} UPlotClass
 */

/** @returns {UPlotClass | null} null where static/vendor/ is empty: the page then shows tables */
export function library () {
  return /** @type {{ uPlot?: UPlotClass }} */ (/** @type {unknown} */ (globalThis)).uPlot ?? null
}
