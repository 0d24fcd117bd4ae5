// The parts of the report about the process around the server: its timers and files, and the thread that does IO.
import { contenders as all } from '../contenders.mjs'
import { driversLoads, driversNames, loads, timersLoads, workersLoads, works } from '../works.mjs'
import { coreSets, driversSample, ioThreads } from './drivers.mjs'
import { blockedColumns, summarize, timersColumns, workersColumns } from './figures.mjs'
import { cell, markdown, measured, workTable } from './table.mjs'
import { blockedSample, cluster, fixedSample, servers, THREADS, workersSample } from './workers.mjs'

export function timersSection({ samples }, contenders, yardstick) {
  const parts = Object.keys(timersLoads).filter((work) => measured(samples, work, contenders).length > 0)
  if (parts.length === 0) return undefined
  const tables = parts.map((work) => {
    const { title, connections } = works[timersLoads[work]]
    return `${title}, ${connections} connections:\n\n${workTable(samples, work, timersColumns, contenders, yardstick)}`
  })
  return `## Timers and other I/O of the process under load

While it answers as much as it can, each process has a \`setInterval\` of 1 ms and reads a small file with \`fs.promises\`, again and
again. Late is what passed between two ticks beyond that millisecond; max is the latest tick of a turn. Node.js counts whole
milliseconds: without any load a tick is up to 1 ms late.

${tables.join('\n\n')}`
}

/** One row for each load and number of cores: both drivers and how the inline one compares. */
export function driversSection({ samples, settings }) {
  const [inline, threads] = driversNames
  const of = (set, load) => (key, name) => summarize(samples, key, driversSample(set, load), name, threads)
  const rows = coreSets.flatMap((set) =>
    driversLoads
      .filter((load) => measured(samples, driversSample(set, load), Object.keys(all)).length > 0)
      .map((load) => {
        const figure = of(set, load)
        const figures = (key, digits) => [
          cell(figure(key, inline), digits),
          cell({ value: figure(key, threads).value }, digits),
        ]
        const cores = set === 'one' ? '1' : String(settings.cores)
        return [loads[load].short, cores, ...figures('perSecond', 0), ...figures('cpuProcess', 1)]
      }),
  )
  if (rows.length === 0) return undefined
  const head = ['handler', 'cores', 'inline: requests/s', 'threads', 'inline: CPU us/request', 'threads']
  const count = ioThreads(settings.cores)
  return `## \`io: 'auto'\`

IO on the JavaScript thread (\`io: 'inline'\`) and on threads beside it, for ${driversLoads.map((load) => `\`${load}\``).join(', ')}; async handlers, 64 connections. With
one core the server has it to itself, with one IO thread, and wrk has the others; with all cores, which it shares with wrk, it has ${count} IO ${count === 1 ? 'thread' : 'threads'}. In
parentheses: inline as a multiple of threads.

${markdown([head, ...rows])}`
}

const allBlocked = (samples) => {
  const fixed = summarize(samples, 'p99', fixedSample, 'armature-workers').value
  return fixed === undefined
    ? ''
    : `With all ${THREADS} computing, \`armature-workers\` answers \`GET /fixed\` within ${fixed.toFixed(1)} ms at the 99th percentile; the others answer nothing.`
}

/** Several JavaScript threads on one server beside a cluster: a table for each load, and one of who waits. */
export function workersSection({ samples }) {
  const names = Object.keys(servers())
  const parts = workersLoads.filter((load) => measured(samples, workersSample(load), names).length > 0)
  if (parts.length === 0) return undefined
  const tables = parts.map((load) => {
    const { title, connections } = loads[load]
    const rows = workTable(samples, workersSample(load), workersColumns, names, cluster)
    return `${title}, ${connections} connections:\n\n${rows}`
  })
  return `## ${THREADS} JavaScript threads, and a cluster of ${THREADS} processes

\`workers: ${THREADS}\`, with IO on the JavaScript threads and on threads beside them; \`${cluster}\` is \`node:cluster\`. wrk shares the cores. In
parentheses: the multiple of the cluster's figure. RSS is the sum of all processes; PSS counts what they share once. Where it is allowed
the client that asks while threads compute goes before them, so that what is measured is not its own wait.

${tables.join('\n\n')}

One of the ${THREADS} computes for three seconds, and 64 connections ask \`GET /users/:id\` 50 times a second each, whatever the answers do:

${workTable(samples, blockedSample, blockedColumns, names, cluster)}

${allBlocked(samples)}`
}
