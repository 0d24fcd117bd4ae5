// Results as Markdown, which a terminal shows well enough too.
import { columns, summarize } from './figures.mjs'

function cell({ value, ratio }, digits) {
  if (value === undefined) return '-'
  const number = value.toLocaleString('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  })
  return ratio === undefined ? number : `${number} (${ratio.toFixed(2)}x)`
}

/** `rows` are arrays of strings, the first one the head. All but the first column are aligned to the right. */
export function markdown(rows) {
  const widths = rows[0].map((_, column) => Math.max(3, ...rows.map((row) => row[column].length)))
  const pad = (text, column) => (column === 0 ? text.padEnd(widths[0]) : text.padStart(widths[column]))
  const line = (row) => `| ${row.map(pad).join(' | ')} |`
  const rule = `|${widths.map((width, column) => (column === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`
  return [line(rows[0]), rule, ...rows.slice(1).map(line)].join('\n')
}

/** The table of one work. */
export function workTable(samples, work, contenders, yardstick) {
  const head = ['server', ...columns.map((column) => column.title)]
  const rows = contenders
    .filter((contender) => samples.some((sample) => sample.work === work && sample.contender === contender))
    .map((contender) => [
      contender,
      ...columns.map(({ key, digits }) => cell(summarize(samples, key, work, contender, yardstick), digits)),
    ])
  return markdown([head, ...rows])
}

/** The table of what idle connections cost. */
export function idleTable(samples, contenders, yardstick) {
  const rows = contenders
    .filter((contender) => samples.some((sample) => sample.work === 'idle' && sample.contender === contender))
    .map((contender) => [contender, cell(summarize(samples, 'kilobytes', 'idle', contender, yardstick), 1)])
  return markdown([['server', 'KB/connection'], ...rows])
}
