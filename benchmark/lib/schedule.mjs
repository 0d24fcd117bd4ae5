// What is measured when, and how long that takes.
import { contenders as all, yardstick } from '../contenders.mjs'
import {
  apartWorks,
  driversLoads,
  driversWork,
  filesNames,
  filesWork,
  keyWorks,
  layersNames,
  layersWork,
  memoryWork,
  onceWorks,
  protocolsWork,
  takers,
  timersLoads,
  timersWork,
  websocketWork,
  workersLoads,
  workersNames,
  workersWork,
  works,
} from '../works.mjs'
import { coreSets } from './drivers.mjs'
import { filesLoads } from './files.mjs'
import { layersLoads } from './layers.mjs'
import { FRESH } from './load.mjs'
import { protocolLoads } from './protocols.mjs'
import { secondsOfRows } from './rows.mjs'
import { TURNS } from './timers.mjs'
import { turnsOf } from './turns.mjs'
import { websocketLoads } from './websocket.mjs'

// Their servers are compared with each other alone.
const comparedWorks = [driversWork, workersWork, websocketWork, protocolsWork, layersWork, filesWork]

/**
 * What is measured in `round`, as `{ work, slices }`: the key works in all slices, the others in
 * half of them and, unless they are marked, in the first third of the rounds. When no key work is asked for, all are key. The drivers, which are compared
 * with each other alone, have half of the slices whenever they are measured, as have several threads beside the cluster, WebSocket, other protocols, layers and files; memory and timers have none.
 */
export function schedule({ work, rounds, slices }, round) {
  const part = (number, parts) => Math.max(1, Math.floor(number / parts))
  const asked = work.filter((name) => name in works || apartWorks.includes(name))
  const someKey = asked.some((name) => keyWorks.includes(name))
  const isCompared = (name) => comparedWorks.includes(name)
  const isFull = (name) => !someKey || keyWorks.includes(name)
  return asked
    .filter((name) => isFull(name) || works[name]?.everyRound || round <= part(rounds, 3))
    .map((name) => ({ work: name, slices: part(slices, isCompared(name) ? 2 : isFull(name) ? 1 : 2) }))
}

// What starting, checking, waiting and collecting take, in seconds.
const SECONDS = {
  visit: 0.7,
  wrk: 0.08,
  memory: 4.5,
  blocked: 4.3,
  idle: 3,
  start: 50,
  micro: 15,
  routing: 30,
}

/** The same of one work that has processes of its own. */
function secondsApart(work, slices, contenders, { warmup, duration }) {
  const fresh = SECONDS.visit + FRESH * warmup
  const takeCount = takers(contenders, [work]).length
  if (work === memoryWork) return takeCount * SECONDS.memory
  if (work === timersWork) {
    const parts = Object.keys(timersLoads).length
    return takeCount * (fresh + parts * (warmup + TURNS * duration + 2 * SECONDS.wrk))
  }
  const turn = warmup + SECONDS.wrk + slices * (duration + SECONDS.wrk)
  if (work === protocolsWork) {
    // Handshakes take whole seconds.
    const own = 3 * warmup + slices * (duration + SECONDS.wrk)
    return Object.values(protocolLoads).reduce(
      (sum, { servers }) => {
        const count = Object.keys(servers([])).length
        return sum + count * (SECONDS.visit + own)
      },
      (takeCount * slices) / 2,
    )
  }
  if (work === websocketWork) {
    const parts = Object.keys(websocketLoads).length
    return (takeCount + 1) * (SECONDS.visit + parts * turn + 2 * SECONDS.idle)
  }
  if (work === layersWork) {
    const servers = layersNames.length === takeCount ? takeCount : 0
    return servers && secondsOfRows(layersLoads, servers, slices, { warmup, duration }, SECONDS)
  }
  if (work === filesWork) {
    const servers = filesNames.length === takeCount ? takeCount + 1 : 0
    return servers && secondsOfRows(filesLoads, servers, slices, { warmup, duration }, SECONDS)
  }
  if (work === workersWork) {
    const servers = workersNames.length === takeCount ? 3 : 0
    return servers * (fresh + workersLoads.length * turn + SECONDS.blocked)
  }
  return takeCount * coreSets.length * (fresh + driversLoads.length * turn)
}

/** How long a run takes for `contenders`, about, in minutes; without building. */
export function estimate(settings, contenders) {
  const { rounds, warmup, duration } = settings
  let seconds = 0
  for (let round = 1; round <= rounds; round++) {
    const due = schedule(settings, round)
    if (due.some(({ work }) => work in works)) {
      seconds += contenders.length * (SECONDS.visit + FRESH * warmup)
    }
    for (const { work, slices } of due) {
      if (apartWorks.includes(work)) seconds += secondsApart(work, slices, contenders, settings)
      else {
        const able = takers(contenders, [work])
        const turns = turnsOf(able, (name) => name === yardstick, 1)
        const longer = able.reduce((sum, name) => sum + (all[name].turns ?? 1) - 1, 0)
        seconds += able.length * (warmup + SECONDS.wrk)
        seconds += slices * (turns.length * (duration + SECONDS.wrk) + longer * duration)
      }
    }
  }
  for (const work of settings.work) if (onceWorks.includes(work)) seconds += SECONDS[work]
  return seconds / 60
}
