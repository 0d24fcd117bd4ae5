// What is measured when, and how long that takes.
import { yardstick } from '../contenders.mjs'
import { keyWorks, memoryWork, works } from '../works.mjs'
import { FRESH } from './load.mjs'
import { turnsOf } from './turns.mjs'

/**
 * What is measured in `round`, as `{ work, slices }`: the key works in all slices, the others in a third of them and, unless
 * they are marked, in the first half of the rounds. When no key work is asked for, all are. Memory has no slices.
 */
export function schedule({ work, rounds, slices }, round) {
  const part = (number, parts) => Math.max(1, Math.floor(number / parts))
  const asked = work.filter((name) => name in works || name === memoryWork)
  const isKey = (name) => keyWorks.includes(name) || !asked.some((other) => keyWorks.includes(other))
  return asked
    .filter((name) => isKey(name) || works[name]?.everyRound || round <= part(rounds, 2))
    .map((name) => ({ work: name, slices: isKey(name) ? slices : part(slices, 3) }))
}

// What starting, checking, waiting and collecting take, in seconds.
const SECONDS = { visit: 0.7, wrk: 0.05, memory: 4.5, start: 50, micro: 15, routing: 30 }

/** How long a run takes for `contenders`, about, in minutes; without building. */
export function estimate(settings, contenders) {
  const { rounds, warmup, duration } = settings
  const turns = turnsOf(contenders, (name) => name === yardstick, 1).length
  let seconds = 0
  for (let round = 1; round <= rounds; round++) {
    const due = schedule(settings, round)
    if (due.length > 0) seconds += contenders.length * (SECONDS.visit + FRESH * warmup)
    for (const { work, slices } of due) {
      if (work === memoryWork) seconds += contenders.length * SECONDS.memory
      else {
        seconds += contenders.length * (warmup + SECONDS.wrk)
        seconds += slices * turns * (duration + SECONDS.wrk)
      }
    }
  }
  for (const work of settings.work) if (!(work in works) && work !== memoryWork) seconds += SECONDS[work]
  return seconds / 60
}
