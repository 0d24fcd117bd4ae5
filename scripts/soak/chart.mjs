// Memory over time as an SVG.
const [WIDTH, HEIGHT, LEFT, BOTTOM] = [880, 260, 60, 40]

/** @param {{ second: number, kills: number, rss: number }[]} samples */
export function memoryChart(samples, title) {
  const last = samples.at(-1)
  const most = Math.ceil((Math.max(...samples.map(({ rss }) => rss)) * 1.2) / 2 ** 20)
  const x = (second) => (LEFT + ((WIDTH - LEFT - 20) * second) / last.second).toFixed(1)
  const y = (mib) => (HEIGHT - BOTTOM - ((HEIGHT - BOTTOM - 40) * mib) / most).toFixed(1)
  const points = samples.map(({ second, rss }) => `${x(second)},${y(rss / 2 ** 20)}`).join(' ')
  const line = (mib) =>
    `<path d="M${LEFT} ${y(mib)}H${WIDTH - 20}" class="line"/><text x="${LEFT - 8}" y="${y(mib)}" dy="4" text-anchor="end">${mib}</text>`
  const step = 10 ** Math.floor(Math.log10(most / 2))
  const marks = Array.from({ length: Math.floor(most / step) + 1 }, (_, n) => n * step)
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}">
<style>
svg { --text: #1f2328; --line: #d1d9e0; --own: #2f6feb }
@media (prefers-color-scheme: dark) { svg { --text: #e6edf3; --line: #3d444d; --own: #9ecbff } }
text { font: 12px system-ui, sans-serif; fill: var(--text) }
.line { stroke: var(--line) } .rss { fill: none; stroke: var(--own); stroke-width: 1.5 }
</style>
<text x="${LEFT}" y="20">${title}</text>
${marks.map(line).join('\n')}
<polyline points="${points}" class="rss"/>
<text x="${LEFT}" y="${HEIGHT - 12}">0 s</text>
<text x="${WIDTH - 20}" y="${HEIGHT - 12}" text-anchor="end">${Math.round(last.second)} s, ${last.kills} workers killed</text>
</svg>
`
}
