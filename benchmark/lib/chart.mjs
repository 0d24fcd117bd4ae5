// The chart, as SVG by hand: it has no script and no font of its own, and follows light and dark.
import { contenders, yardstick } from '../contenders.mjs'
import { keyWorks, works } from '../works.mjs'
import { when } from './environment.mjs'
import { summarize } from './figures.mjs'
import { cell, measured } from './table.mjs'

const WIDTH = 880
const LABELS = 150
const BAR = 190
const VALUES = 160
const ROW = 20
const TITLE = 44
const GAP = 4

const style = `
svg { --text: #1f2328; --quiet: #59636e; --line: #d1d9e0; --own: #2f6feb; --own-js: #173f8f; --peer: #afb8c1; --peer-js: #6e7781 }
@media (prefers-color-scheme: dark) {
  svg { --text: #e6edf3; --quiet: #9198a1; --line: #3d444d; --own: #316dca; --own-js: #9ecbff; --peer: #545d68; --peer-js: #b1bac4 }
}
text { font: 12px system-ui, sans-serif; fill: var(--text) }
.title { font-weight: 600; font-size: 14px }
.quiet { fill: var(--quiet) }
.value { font-variant-numeric: tabular-nums }
.axis { stroke: var(--line) }
.own { fill: var(--own) } .own.js { fill: var(--own-js) }
.peer { fill: var(--peer) } .peer.js { fill: var(--peer-js) }
`

const encode = (text) => String(text).replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`)
const round = (value) => Math.round(value * 10) / 10
const text = (x, y, content, className = '') =>
  `<text x="${round(x)}" y="${round(y)}"${className && ` class="${className}"`}>${encode(content)}</text>`
const rect = (x, y, width, height, className) =>
  `<rect x="${round(x)}" y="${round(y)}" width="${round(Math.max(width, 1))}" height="${round(height)}" class="${className}"/>`

/** One bar from `x`. What is longer than there is room for has a gap near its end. */
function bar(x, y, height, length, className) {
  if (length <= BAR) return [rect(x, y, length, height, className)]
  return [
    rect(x, y, BAR - GAP * 4, height, className),
    rect(x + BAR - GAP * 3, y, GAP * 3, height, className),
  ]
}

/** Bars of one figure, each with its value; `full` is the value that fills the room, `inner` a part drawn darker. */
function bars(x, top, rows, { key, digits, full, inner }) {
  return rows.flatMap((row, index) => {
    const { value } = row[key]
    if (value === undefined) return []
    const y = top + index * ROW
    const own = row.name.startsWith('armature') ? 'own' : 'peer'
    const length = (share) => (share / full) * BAR
    const part = row[inner]?.value
    return [
      ...bar(x, y + 3, ROW - 6, length(value), own),
      ...(part === undefined ? [] : bar(x, y + 7, ROW - 14, length(part), `${own} js`)),
      text(x + Math.min(length(value), BAR) + 6, y + 14, cell(row[key], digits), 'value'),
    ]
  })
}

/** One work: names, requests per second, CPU time. */
function panel(samples, work, top) {
  const rows = measured(samples, work, Object.keys(contenders)).map((name) => {
    const figure = (key) => summarize(samples, key, work, name, yardstick)
    return {
      name,
      perSecond: figure('perSecond'),
      cpuProcess: figure('cpuProcess'),
      cpuMain: figure('cpuMain'),
    }
  })
  const most = (key) => Math.max(...rows.map((row) => row[key].value ?? 0))
  // One very expensive server must not make all others look the same.
  const usual = rows.find(({ name }) => name === yardstick)?.cpuProcess.value ?? Number.POSITIVE_INFINITY
  const cpu = Math.min(most('cpuProcess'), usual * 2.5)
  const [first, second] = [LABELS, LABELS + BAR + VALUES]
  const y = top + TITLE
  const height = rows.length * ROW
  const content = [
    text(0, top + 16, works[work].title, 'title'),
    text(first, top + 36, 'requests per second', 'quiet'),
    text(second, top + 36, 'CPU microseconds per request; inner bar: JS thread', 'quiet'),
    ...rows.map((row, index) => text(0, y + index * ROW + 14, row.name)),
    `<path d="M${first} ${y}v${height}M${second} ${y}v${height}" class="axis"/>`,
    ...bars(first, y, rows, { key: 'perSecond', digits: 0, full: most('perSecond') }),
    ...bars(second, y, rows, { key: 'cpuProcess', digits: 1, full: cpu, inner: 'cpuMain' }),
  ]
  return { content, height: TITLE + height + 20 }
}

/** `{ samples, environment }` as a drawing of the key works; undefined when none was measured. */
export function chart({ samples, environment }) {
  let top = 0
  const content = []
  for (const work of keyWorks) {
    if (!samples.some((sample) => sample.work === work)) continue
    const drawn = panel(samples, work, top)
    content.push(...drawn.content)
    top += drawn.height
  }
  if (content.length === 0) return undefined
  content.push(
    text(0, top + 8, `${when(environment)}; ${environment.cpu}`, 'quiet'),
    text(
      0,
      top + 26,
      `In parentheses: the multiple of ${yardstick}'s figure. A bar with a gap is longer.`,
      'quiet',
    ),
  )
  const title = '<title>Requests per second and CPU time per request of each server</title>'
  const height = top + 50
  const box = `viewBox="-10 -10 ${WIDTH + 20} ${height}" width="${WIDTH + 20}" height="${height}"`
  return `<svg xmlns="http://www.w3.org/2000/svg" ${box} role="img">\n${title}\n<style>${style}</style>\n${content.join('\n')}\n</svg>\n`
}
