// The rounds: what is measured when, and what comes out.
import { contenders } from '../contenders.mjs'
import { memoryWork } from '../works.mjs'
import { memory } from './memory.mjs'
import { round } from './round.mjs'
import { schedule } from './schedule.mjs'
import { orderOf } from './turns.mjs'

/** In processes of their own, one after the other: what a connection takes must not be taken from what others left. */
async function memories(names, { held }, { begin, add, end, fail }) {
  begin(memoryWork)
  for (const name of names) {
    try {
      add(name, memoryWork, undefined, await memory(contenders[name], held))
    } catch (error) {
      fail(name, error)
    }
  }
  end(memoryWork)
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
    const loads = due.filter(({ work }) => work !== memoryWork)
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
    if (loads.length > 0) await round(names, loads, settings, hooks)
    if (due.length > loads.length) await memories(orderOf(names, number), settings, hooks)
  }
  return { samples, problems }
}
