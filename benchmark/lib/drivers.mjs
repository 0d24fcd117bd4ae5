// `io: 'inline'` against IO threads, with one core and with all: what `io: 'auto'` is decided by.

import { quiet } from '../../scripts/lib/run.mjs'
import { contenders } from '../contenders.mjs'
import { driversLoads, driversNames } from '../works.mjs'
import { startContender } from './child.mjs'
import { allowedCores, pinned } from './cores.mjs'
import { checkAnswers } from './honest.mjs'
import { freshWarmUp, load, warmUp } from './load.mjs'
import { orderOf } from './turns.mjs'

export const coreSets = ['one', 'all']

/** The work of a sample. */
export const driversSample = (cores, work) => `drivers, ${cores}: ${work}`

/** IO threads that a server starts by itself with so many cores. */
export const ioThreads = (cores) => Math.min(4, Math.max(1, cores - 1))

/** Why it cannot be measured here when `ready` can take part, or undefined. */
export async function prepareDrivers(ready) {
  const missing = driversNames.find((name) => !ready.includes(name))
  if (missing) return `${missing} takes no part`
  if (allowedCores().length < 2) return 'a server with one core needs another one for wrk'
  return (await quiet('taskset', ['--version'])).code === 0 ? undefined : 'taskset is missing'
}

/** All servers: `clients` are the cores that wrk is held to, so that a server with one core has it to itself. */
function servers() {
  const cores = allowedCores()
  const [inline, threads] = driversNames.map((name) => ({ name, contender: contenders[name] }))
  const make = ({ name, contender }, set, io) => {
    const own = set === 'one' ? cores.slice(0, 1) : undefined
    return {
      name,
      set,
      clients: own && cores.slice(1),
      contender: { ...contender, command: pinned(contender.command, own), env: { ARMATURE_IO: String(io) } },
    }
  }
  return [
    make(inline, 'one', 'inline'),
    make(threads, 'one', ioThreads(1)),
    make(inline, 'all', 'inline'),
    make(threads, 'all', ioThreads(cores.length)),
  ]
}

/** `begin(work)` and `end(work)` frame a load; what comes of a turn is given to `add(name, work, slice, figures)`. */
export async function drivers(slices, settings, { begin, add, end }) {
  const running = []
  const own = ({ clients }) => ({ ...settings, clients })
  try {
    for (const each of servers()) {
      const server = await startContender(each.contender)
      running.push({ ...each, server })
      await checkAnswers(server.port)
    }
    const due = driversLoads.map((work) => ({ work }))
    for (const each of running) await freshWarmUp(each, due, own(each))
    for (const work of driversLoads) {
      begin(`drivers: ${work}`)
      for (const each of running) await warmUp(each, work, own(each))
      for (let slice = 1; slice <= slices; slice++) {
        for (const each of orderOf(running, slice)) {
          add(each.name, driversSample(each.set, work), slice, await load(each, work, own(each)))
        }
      }
      for (const set of coreSets) end(driversSample(set, work))
    }
  } finally {
    await Promise.all(running.map(({ server }) => server.stop()))
  }
}
