// The parts of the report about the process around the server: its timers and files, and the thread that does IO.
import { contenders as all } from '../contenders.mjs'
import { driversLoads, driversNames, loads, timersLoads, works } from '../works.mjs'
import { coreSets, driversSample, ioThreads } from './drivers.mjs'
import { summarize, timersColumns } from './figures.mjs'
import { cell, markdown, measured, workTable } from './table.mjs'

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
