// The parts of the report about native layers and files.

import { rowsColumns } from './figures.mjs'
import { filesLoads } from './files.mjs'
import { layersLoads } from './layers.mjs'
import { measured, workTable } from './table.mjs'

function tables(samples, loads) {
  const parts = Object.entries(loads).filter(([work]) => samples.some((sample) => sample.work === work))
  return parts.map(([work, { title, rows, request, yardstick, to }]) => {
    const columns = rowsColumns.filter((column) => column.to === undefined || column.to === to)
    const names = measured(samples, work, Object.keys(rows))
    return `${title}; ${request.connections} connections:\n\n${workTable(samples, work, columns, names, yardstick)}`
  })
}

export function layersSection({ samples, environment }) {
  const parts = tables(samples, layersLoads)
  if (parts.length === 0) return undefined
  const { versions } = environment
  return `## Native layers

@fastify/rate-limit ${versions['@fastify/rate-limit']}, @fastify/compress ${versions['@fastify/compress']}. In parentheses: the multiple of the figure of the row that has 1.00x.

${parts.join('\n\n')}`
}

export function filesSection({ samples, environment }) {
  const parts = tables(samples, filesLoads)
  if (parts.length === 0) return undefined
  const { versions } = environment
  return `## Files

nginx ${versions.nginx} with one worker, \`sendfile\`, \`open_file_cache\` and without a log; @fastify/static ${versions['@fastify/static']}. In parentheses: the multiple
of nginx's figure.

${parts.join('\n\n')}`
}
