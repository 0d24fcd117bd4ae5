// Several JavaScript threads on one server against a cluster of processes: what they cost, and who waits when one of them
// computes.
import { contenders } from '../contenders.mjs'
import { workersLoads, workersNames } from '../works.mjs'
import { startContender } from './child.mjs'
import { ask, open } from './client.mjs'
import { checkAnswers } from './honest.mjs'
import { freshWarmUp, load, warmUp } from './load.mjs'
import { paced } from './paced.mjs'
import { pss, rssOfAll } from './proc.mjs'
import { orderOf } from './turns.mjs'

/** JavaScript threads, or processes of the cluster. */
export const THREADS = 2

/** Threads of wrk: one of it cannot ask for as much as two threads answer, and would be what is measured. */
const CLIENTS = 2

/** The yardstick of this work. */
export const cluster = 'fastify-cluster'

/** The work of a sample. */
export const workersSample = (load) => `workers: ${load}`

/** What is asked while one thread, or every one, computes. */
export const blockedSample = 'workers: one blocked'
export const fixedSample = 'workers: fixed, all blocked'

/** By name, in the order of the table. */
export function servers() {
  const [armature, fastify] = workersNames.map((name) => contenders[name])
  const threads = { ARMATURE_WORKERS: String(THREADS) }
  const several = fastify.command.map((part) => part.replace(/fastify\.mjs$/, 'fastify-cluster.mjs'))
  return {
    'armature-workers-inline': { ...armature, env: { ...threads, ARMATURE_IO: 'inline' } },
    'armature-workers': { ...armature, env: threads },
    [cluster]: { ...fastify, command: [...several, '--processes', String(THREADS)] },
  }
}

/** How long a thread computes, in milliseconds, and how long before the others are asked. */
const BLOCKED = 3000
const LEAD = 200

/** Has `count` threads compute, asks `path` at a steady pace meanwhile, and resolves to how long that took. */
async function whileBlocked({ server }, count, path, expected) {
  const sockets = await Promise.all(Array.from({ length: count }, () => open(server.port)))
  let blocked
  const before = async () => {
    blocked = Promise.all(sockets.map((socket) => ask(socket, `/block/${BLOCKED}`, 'blocked')))
    blocked.catch(() => {})
    await new Promise((resolve) => setTimeout(resolve, LEAD))
  }
  const figures = await paced(server.port, path, expected, { milliseconds: BLOCKED - 2 * LEAD, before })
  await blocked
  for (const socket of sockets) socket.destroy()
  return figures
}

/** `begin(work)` and `end(work)` frame a load; what comes of a turn is given to `add(name, work, slice, figures)`. */
export async function workers(slices, given, { begin, add, end }) {
  const settings = { ...given, threads: Math.max(given.threads, CLIENTS) }
  const running = []
  try {
    for (const [name, contender] of Object.entries(servers())) {
      const server = await startContender(contender)
      running.push({ name, contender, server })
      await checkAnswers(server.port)
    }
    const due = workersLoads.map((work) => ({ work }))
    for (const each of running) await freshWarmUp(each, due, settings)
    for (const work of workersLoads) {
      begin(workersSample(work))
      for (const each of running) await warmUp(each, work, settings)
      for (let slice = 1; slice <= slices; slice++) {
        for (const each of orderOf(running, slice)) {
          const figures = await load(each, work, settings)
          const pssMegabytes = pss(each.server.pid) / 2 ** 20
          const rssMegabytes = rssOfAll(each.server.pid) / 2 ** 20
          add(each.name, workersSample(work), slice, { ...figures, rssMegabytes, pssMegabytes })
        }
      }
      end(workersSample(work))
    }
    begin(blockedSample)
    for (const each of running) {
      // With IO on the JavaScript threads a connection waits for its own thread: all depends on who has accepted it.
      if (each.name === 'armature-workers-inline') continue
      add(each.name, blockedSample, undefined, await whileBlocked(each, 1, '/users/42', 'Alice'))
      if (each.name === 'armature-workers')
        add(each.name, fixedSample, undefined, await whileBlocked(each, THREADS, '/fixed', 'hello'))
    }
  } finally {
    await Promise.all(running.map(({ server }) => server.stop()))
  }
}
