// Do two runs say the same? What counts are ratios to the yardstick: the machine may have been quicker or slower.
import { contenders, yardstick } from '../contenders.mjs'
import { keyWorks } from '../works.mjs'
import { machine } from './environment.mjs'
import { summarize } from './figures.mjs'
import { markdown } from './table.mjs'

const TOLERANCE = 0.1
const figures = { cpuProcess: 'CPU', cpuMain: 'JS thread' }

/** `{ rows, agree, notes }`: each ratio of CPU time per request in both, and whether all differ by 10 % at most. */
export function compare(a, b) {
  const rows = []
  const notes = []
  for (const work of keyWorks) {
    for (const contender of Object.keys(contenders)) {
      if (contender === yardstick) continue
      for (const [key, figure] of Object.entries(figures)) {
        const [one, other] = [a, b].map(
          ({ samples }) => summarize(samples, key, work, contender, yardstick).ratio,
        )
        if (one === undefined && other === undefined) continue
        if (one === undefined || other === undefined) {
          notes.push(
            `${work}, ${contender}, ${figure}: only in the ${one === undefined ? 'second' : 'first'}`,
          )
          continue
        }
        const difference = Math.max(one, other) / Math.min(one, other) - 1
        rows.push({ work, contender, figure, one, other, difference, agrees: difference <= TOLERANCE })
      }
    }
  }
  const [here, there] = [a, b].map(({ environment }) => machine(environment))
  if (here !== there) notes.push(`two machines: ${here}, and ${there}`)
  return { rows, notes, agree: rows.length > 0 && rows.every(({ agrees }) => agrees) }
}

export function compareText({ rows, notes, agree }) {
  const head = ['work', 'server', 'figure', 'first', 'second', 'difference', '']
  const lines = rows.map(({ work, contender, figure, one, other, difference, agrees }) => [
    ...[work, contender, figure],
    ...[one, other].map((ratio) => `${ratio.toFixed(3)}x`),
    `${(difference * 100).toFixed(1)} %`,
    agrees ? '' : 'differs',
  ])
  const differing = rows.filter(({ agrees }) => !agrees).length
  const verdict =
    rows.length === 0
      ? 'There is nothing to compare.'
      : agree
        ? `They agree: ${rows.length} ratios differ by 10 % at most.`
        : `They do not agree: ${differing} of ${rows.length} ratios differ by more than 10 %.`
  return [rows.length > 0 && markdown([head, ...lines]), ...notes.map((note) => `- ${note}`), verdict]
    .filter(Boolean)
    .join('\n')
}
