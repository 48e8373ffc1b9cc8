/**
 * Twelve charts of two hours, redrawn on demand. `window.run(updates, everyMs)` times each update to the task after its
 * frame.
 */

import { Plot } from '/static/js/charts/plot.js'
import { History } from '/static/js/desk/history.js'

const CHARTS = 12
const POINTS = 7_200
const SECOND = 1_000
const BEGIN = 1_795_435_200_000
const plain = location.search === '?plain'
const uPlot = /** @type {any} */ (globalThis).uPlot
const boxes = Array.from({ length: CHARTS }, () => document.body.appendChild(Object.assign(document.createElement('div'), { className: 'chart-plot' })))
let now = BEGIN + POINTS * SECOND

const value = (chart, second) => 400 + 300 * Math.sin(second / 600 + chart) + 40 * Math.sin(second * 12.9898 + chart * 78.233)
const second = (at) => (at - BEGIN) / SECOND

const nothing = { onCursor () {}, onZoom () {}, onAlarm () {} }

function ours () {
  const history = new History()
  const plots = boxes.map((box) => new Plot(uPlot, box, nothing))
  for (let chart = 0; chart < CHARTS; chart++) for (let at = BEGIN; at < now; at += SECOND) history.put(`m${chart}@session`, at, value(chart, second(at)))
  const alarms = Array.from({ length: 6 }, (_, i) => ({ id: `a${i}`, at: BEGIN + i * 1_000_000, to: null, rank: 1 + i % 3 }))
  return () => {
    plots.forEach((plot, chart) => {
      history.put(`m${chart}@session`, now, value(chart, second(now)))
      plot.fill({
        from: now - POINTS * SECOND, to: now, nowMs: now, loadedFrom: 0, lines: [{ key: `m${chart}@session`, colour: '--c1', dash: [], factor: 1 }],
        floor: 0, ceilingOf: 0, gaps: [{ from: BEGIN + 3_000_000, to: BEGIN + 3_060_000, text: '停机', short: '停机' }], unknownText: '无数据', marks: alarms.map((alarm) => alarm.at + 500_000),
        alarms, limit: { value: 200, text: '200', below: true }, forecast: null, chosen: null,
        write: String, writeTime: (at) => new Date(at).toISOString().slice(11, 16), label: `${chart}`, said: ''
      }, history)
    })
  }
}

function plainly () {
  const charts = boxes.map((box, chart) => {
    const xs = Array.from({ length: POINTS }, (_, i) => BEGIN / SECOND + i)
    const ys = xs.map((_, i) => value(chart, i))
    const plot = new uPlot({ width: box.clientWidth, height: 340, legend: { show: false }, series: [{}, { stroke: '#5EB1FF', width: 2, points: { show: false } }] }, [xs, ys], box)
    return { plot, xs, ys, chart }
  })
  return () => {
    for (const one of charts) {
      one.xs = [...one.xs.slice(1), now / SECOND]
      one.ys = [...one.ys.slice(1), value(one.chart, second(now))]
      one.plot.setData([one.xs, one.ys])
    }
  }
}

const update = plain ? plainly() : ours()
let long = 0
new PerformanceObserver((list) => { long += list.getEntries().length }).observe({ type: 'longtask' })

const painted = () => new Promise((resolve) => requestAnimationFrame(() => {
  const channel = new MessageChannel()
  channel.port1.onmessage = () => resolve(performance.now())
  channel.port2.postMessage(0)
}))
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

window.run = async (updates, everyMs) => {
  const paints = []
  const scripts = []
  const before = long
  for (let n = 0; n < updates; n++) {
    if (everyMs > 0) await pause(everyMs)
    now += SECOND
    const begun = performance.now()
    update()
    await Promise.resolve() // uPlot draws in a microtask
    scripts.push(performance.now() - begun)
    paints.push(await painted() - begun)
  }
  await pause(60)
  return { paints, scripts, long: long - before }
}

await pause(500)
await window.run(20, 0)
window.ready = true
