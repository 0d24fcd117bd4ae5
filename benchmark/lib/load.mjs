// One slice of load: a server that runs already is driven for a moment, then left until it is quiet.
import { setTimeout as sleep } from 'node:timers/promises'
import { loads } from '../works.mjs'
import { cpu, cpuBetween, rss } from './proc.mjs'
import { insist, wrk } from './wrk.mjs'

const LOOK = 20
const QUIET = 0.1
const PATIENCE = 2000

/** Requests that wrk no longer waits for, and collecting garbage, must not compete with whoever is next. */
export async function quietServer(pid) {
  const end = performance.now() + PATIENCE
  let before = cpu(pid)
  for (;;) {
    await sleep(LOOK)
    const after = cpu(pid)
    const busy = cpuBetween(pid, before, after).process > QUIET * LOOK * 1000
    if (!busy || performance.now() > end) return
    before = after
  }
}

/** How many warm-ups more a new process gets: V8 goes on compiling what every request runs for seconds. */
export const FRESH = 4

/** Of a process that has just started, with the work that it matters most for. */
export async function freshWarmUp(each, due, { warmup, ...settings }) {
  const { javascript, cannot } = each.contender
  const able = due.map(({ work }) => work).filter((work) => !cannot?.[work])
  const work = able.find((name) => loads[name].key) ?? able[0]
  if (javascript && work) await warmUp(each, work, { warmup: warmup * FRESH, ...settings })
}

export const warmUp = (each, work, settings) => warmUpWith({ ...each, request: loads[work] }, settings)

export async function warmUpWith({ server, request }, { warmup, threads, clients }) {
  await insist(() => wrk(server.port, request, { seconds: warmup, threads, cores: clients }))
  await quietServer(server.pid)
}

/** Figures of one slice of `work`. */
export const load = ({ server, contender }, work, settings) =>
  drive({ server, contender, request: loads[work] }, settings)

/** Figures of a turn of `request`. */
export const drive = (each, settings) =>
  insist(
    () => turn(each, settings),
    () => quietServer(each.server.pid),
  )

/** CPU time before and after, divided by what was answered in between. */
async function turn({ server, contender, request }, { duration, threads, clients }) {
  const before = cpu(server.pid)
  const seconds = duration * (request.turns ?? contender.turns ?? 1)
  const { requests, ...figures } = await wrk(server.port, request, { seconds, threads, cores: clients })
  const spent = cpuBetween(server.pid, before, cpu(server.pid))
  const rssMegabytes = rss(server.pid) / 2 ** 20
  await quietServer(server.pid)
  return {
    requests,
    ...figures,
    cpuProcess: spent.process / requests,
    cpuMain: contender.javascript ? spent.main / requests : undefined,
    rssMegabytes,
  }
}
