// The rounds: what is measured when, and what comes out.
import { contenders } from '../contenders.mjs'
import {
  apartWorks,
  driversWork,
  filesWork,
  layersWork,
  memoryWork,
  protocolsWork,
  takers,
  timersLoads,
  timersWork,
  websocketWork,
  workersWork,
} from '../works.mjs'
import { drivers } from './drivers.mjs'
import { files } from './files.mjs'
import { layers } from './layers.mjs'
import { memory } from './memory.mjs'
import { protocols } from './protocols.mjs'
import { round } from './round.mjs'
import { schedule } from './schedule.mjs'
import { timers } from './timers.mjs'
import { orderOf } from './turns.mjs'
import { websocket } from './websocket.mjs'
import { workers } from './workers.mjs'

/** In processes of their own, one after the other: what is measured must not be taken from what others left. */
const apart = {
  async [memoryWork](names, { settings, hooks }) {
    hooks.begin(memoryWork)
    await one(names, hooks, async (name) =>
      hooks.add(name, memoryWork, undefined, await memory(contenders[name], settings.held)),
    )
    hooks.end(memoryWork)
  },
  async [timersWork](names, { settings, hooks }) {
    hooks.begin(timersWork)
    await one(names, hooks, (name) =>
      timers(contenders[name], settings, (work, figures) => hooks.add(name, work, undefined, figures)),
    )
    for (const work of Object.keys(timersLoads)) hooks.end(work)
  },
  // Only a comparison of both means anything: the failure of one ends it.
  async [driversWork](_names, { slices, settings, hooks }) {
    await one([driversWork], hooks, () => drivers(slices, settings, hooks))
  },
  async [protocolsWork](_names, { slices, settings, hooks }) {
    await one([protocolsWork], hooks, () => protocols(slices, settings, hooks))
  },
  async [layersWork](_names, { slices, settings, hooks }) {
    await one([layersWork], hooks, () => layers(slices, settings, hooks))
  },
  async [filesWork](_names, { slices, settings, hooks }) {
    await one([filesWork], hooks, () => files(slices, settings, hooks))
  },
  async [websocketWork](names, { slices, settings, hooks }) {
    await one([websocketWork], hooks, () => websocket(names, slices, settings, hooks))
  },
  async [workersWork](_names, { slices, settings, hooks }) {
    await one([workersWork], hooks, () => workers(slices, settings, hooks))
  },
}

async function one(names, { fail }, task) {
  for (const name of names) {
    try {
      await task(name)
    } catch (error) {
      fail(name, error)
    }
  }
}

/**
 * Measures `names` in all rounds. Resolves to `{ samples, problems }`; a sample is `{ round, slice, work, contender, ... }`,
 * without `slice` when the work has none. `onWork(round, work)` and `onSamples(samples)`, before and after each work, tell
 * how it goes, `onProblem(text)` what failed.
 */
export async function session(names, settings, { onWork, onSamples, onProblem }) {
  const samples = []
  const problems = []
  for (let number = 1; number <= settings.rounds; number++) {
    const due = schedule(settings, number)
    const hooks = {
      begin: (work) => onWork(number, work),
      add: (contender, work, slice, figures) =>
        samples.push({ round: number, slice, work, contender, ...figures }),
      end: (work) => onSamples(samples.filter((sample) => sample.round === number && sample.work === work)),
      fail(name, error) {
        problems.push(`${name}, round ${number}: ${error.message}`)
        onProblem(problems.at(-1))
      },
    }
    const own = due.filter(({ work }) => apartWorks.includes(work))
    const shared = due.filter((each) => !own.includes(each))
    if (shared.length > 0) await round(names, shared, settings, hooks)
    for (const { work, slices } of own) {
      await apart[work](orderOf(takers(names, [work]), number), { slices, settings, hooks })
    }
  }
  return { samples, problems }
}
