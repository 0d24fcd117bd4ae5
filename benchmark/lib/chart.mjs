// The chart, as SVG by hand: it has no script and no font of its own, and follows light and dark.
import { contenders, yardstick } from '../contenders.mjs'
import { keyWorks, works } from '../works.mjs'
import { when } from './environment.mjs'
import { summarize } from './figures.mjs'
import { measured, number } from './table.mjs'

const WIDTH = 880
const LABELS = 150
const BAR = 190
const VALUES = 160
const ROW = 20
const TITLE = 44

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

/** Bars of one figure from `x`, each with its value; `inner` is the part of it that is drawn darker. */
function bars(x, top, rows, key, digits, inner) {
  const most = Math.max(...rows.map((row) => row[key].value ?? 0))
  return rows.flatMap((row, index) => {
    const { value, ratio } = row[key]
    if (value === undefined) return []
    const y = top + index * ROW
    const own = row.name.startsWith('armature') ? 'own' : 'peer'
    const length = (share) => (share / most) * BAR
    const label = `${number(value, digits)}${ratio === undefined ? '' : ` (${ratio.toFixed(2)}x)`}`
    return [
      rect(x, y + 3, length(value), ROW - 6, own),
      ...(row[inner]?.value === undefined
        ? []
        : [rect(x, y + 7, length(row[inner].value), ROW - 14, `${own} js`)]),
      text(x + length(value) + 6, y + 14, label, 'value'),
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
  const [first, second] = [LABELS, LABELS + BAR + VALUES]
  const y = top + TITLE
  const height = rows.length * ROW
  const content = [
    text(0, top + 16, works[work].title, 'title'),
    text(first, top + 36, 'requests per second', 'quiet'),
    text(second, top + 36, 'CPU microseconds per request; inner bar: JS thread', 'quiet'),
    ...rows.map((row, index) => text(0, y + index * ROW + 14, row.name)),
    `<path d="M${first} ${y}v${height}M${second} ${y}v${height}" class="axis"/>`,
    ...bars(first, y, rows, 'perSecond', 0),
    ...bars(second, y, rows, 'cpuProcess', 1, 'cpuMain'),
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
  const foot = `${when(environment)}; ${environment.cpu}; in parentheses: the multiple of ${yardstick}'s figure`
  content.push(text(0, top + 8, foot, 'quiet'))
  const title = '<title>Requests per second and CPU time per request of each server</title>'
  const box = `viewBox="-10 -10 ${WIDTH + 20} ${top + 30}" width="${WIDTH + 20}" height="${top + 30}"`
  return `<svg xmlns="http://www.w3.org/2000/svg" ${box} role="img">\n${title}\n<style>${style}</style>\n${content.join('\n')}\n</svg>\n`
}
