// The parts of the report that are not about load: memory, size and start, small pieces.
import { memoryWork } from '../works.mjs'
import { memoryColumns, summarize } from './figures.mjs'
import { cell, markdown, measured, number, workTable } from './table.mjs'

export function memorySection({ samples, settings }, contenders, yardstick) {
  return `## Memory of connections and requests

${settings.held} connections that asked once, then are silent; then one request on each that waits in an async handler. Resident memory,
garbage collected before each look.

${workTable(samples, memoryWork, memoryColumns, contenders, yardstick)}`
}

export function startSection({ samples, start }, contenders, yardstick) {
  const rows = measured(samples, 'start', contenders).map((name) => {
    const own = start.sizes[name]
    const size = { value: own.bytes / 2 ** 20, ratio: own.bytes / start.sizes[yardstick]?.bytes || undefined }
    return [
      name,
      own.packages === 0 ? '-' : cell(size, 1),
      own.packages === 0 ? '-' : String(own.packages),
      cell(summarize(samples, 'milliseconds', 'start', name, yardstick), 0),
      cell(summarize(samples, 'busyMegabytes', 'start', name, yardstick), 0),
    ]
  })
  const head = ['server', 'installed MB', 'packages', 'first answer ms', 'RSS MB when busy']
  return `## Size and start

Installed: all files of the package and of what it depends on; of Armature the core package and one platform package. First
answer: from \`node app.js\` to the answer to \`GET /\`. Busy: after ${number(start.requests, 0)} requests for \`GET /\`, nothing collected by force.

${markdown([head, ...rows])}`
}

export function microSection({ micro }) {
  const rows = micro.map(({ name, nanoseconds, in: language }) => [name, language, number(nanoseconds, 0)])
  return `## Small pieces

${markdown([['operation', 'in', 'ns'], ...rows])}`
}
