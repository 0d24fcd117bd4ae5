// How late timers fire, and how many files are read, while a server answers as much as it can.
import { setTimeout as sleep } from 'node:timers/promises'
import { loads, timersLoads } from '../works.mjs'
import { startContender } from './child.mjs'
import { checkAnswers } from './honest.mjs'
import { freshWarmUp, quietServer, warmUp } from './load.mjs'
import { insist, wrk } from './wrk.mjs'

/** Turns of a server in one: the slowest of a hundred ticks has to be more than a few. */
export const TURNS = 5
/** Milliseconds before the end of the load at which the server is asked how it was. */
const MARGIN = 100

async function beside({ server }, load, { duration, threads }) {
  const seconds = duration * TURNS
  await server.ask('watch')
  const driving = wrk(server.port, loads[load], { seconds, threads })
  // Should it fail meanwhile, it is awaited below.
  driving.catch(() => {})
  await sleep(seconds * 1000 - MARGIN)
  const figures = await server.ask('report')
  const { perSecond } = await driving
  return { perSecond, ...figures }
}

/** Gives the figures of each part to `add(work, figures)`. */
export async function timers(contender, settings, add) {
  const server = await startContender(contender)
  const each = { contender, server }
  try {
    await checkAnswers(server.port, contender.cannot)
    const parts = Object.entries(timersLoads)
    const due = parts.map(([, work]) => ({ work }))
    await freshWarmUp(each, due, settings)
    for (const [name, work] of parts) {
      await warmUp(each, work, settings)
      const measure = () => beside(each, work, settings)
      add(name, await insist(measure, () => quietServer(server.pid)))
    }
  } finally {
    await server.stop()
  }
}
