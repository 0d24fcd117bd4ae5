// Results as Markdown, which a terminal shows well enough too.
import { summarize } from './figures.mjs'

export const number = (value, digits) =>
  value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })

/** A value with its ratio, `-` when it was not measured. */
export function cell({ value, ratio }, digits) {
  if (value === undefined) return '-'
  return ratio === undefined ? number(value, digits) : `${number(value, digits)} (${ratio.toFixed(2)}x)`
}

/** `rows` are arrays of strings, the first one the head. All but the first column are aligned to the right. */
export function markdown(rows) {
  const widths = rows[0].map((_, column) => Math.max(3, ...rows.map((row) => row[column].length)))
  const pad = (text, column) => (column === 0 ? text.padEnd(widths[0]) : text.padStart(widths[column]))
  const line = (row) => `| ${row.map(pad).join(' | ')} |`
  const rule = `|${widths.map((width, column) => (column === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`
  return [line(rows[0]), rule, ...rows.slice(1).map(line)].join('\n')
}

/** Those of `contenders` that have a sample of `work`. */
export const measured = (samples, work, contenders) =>
  contenders.filter((name) => samples.some((sample) => sample.work === work && sample.contender === name))

/** The table of one work: a row for each contender, its figures by `columns`. */
export function workTable(samples, work, columns, contenders, yardstick) {
  const shown = columns.filter(({ to }) => to === undefined || measured(samples, work, [to]).length > 0)
  const head = ['server', ...shown.map((column) => column.title)]
  const rows = measured(samples, work, contenders).map((contender) => [
    contender,
    ...shown.map(({ key, digits, plain, to }) => {
      const figure = summarize(samples, key, work, contender, to ?? yardstick)
      if (to !== undefined) return figure.ratio === undefined ? '-' : `${figure.ratio.toFixed(2)}x`
      return cell(plain ? { value: figure.value } : figure, digits)
    }),
  ])
  return markdown([head, ...rows])
}
