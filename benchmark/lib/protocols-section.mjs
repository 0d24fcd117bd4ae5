// The part of the report about other protocols than HTTP/1.1.
import { protocolColumns } from './figures.mjs'
import { protocolLoads } from './protocols.mjs'
import { workTable } from './table.mjs'

export function protocolsSection({ samples }) {
  const parts = Object.entries(protocolLoads).filter(([work]) =>
    samples.some((sample) => sample.work === work),
  )
  if (parts.length === 0) return undefined
  const tables = parts.map(([work, { title, yardstick, to }]) => {
    const names = [
      ...new Set(samples.filter((sample) => sample.work === work).map(({ contender }) => contender)),
    ]
    const isKnown = (key) => samples.some((sample) => sample.work === work && sample[key] !== undefined)
    const columns = protocolColumns.filter(
      (column) => isKnown(column.key) && (column.to === undefined || column.to === to),
    )
    return `${title}:\n\n${workTable(samples, work, columns, names.sort(), yardstick)}`
  })
  return `## Other protocols

JSON with a path parameter, async handlers. In parentheses: the multiple of the figure of the row that has 1.00x.

${tables.join('\n\n')}`
}
