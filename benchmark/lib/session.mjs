// The rounds: who is measured when, and what comes out.
import { contenders } from '../contenders.mjs'
import { memoryWork, works } from '../works.mjs'
import { startContender } from './child.mjs'
import { checkAnswers } from './honest.mjs'
import { memory } from './memory.mjs'
import { schedule } from './options.mjs'
import { cpu, cpuBetween, rss } from './proc.mjs'
import { wrk } from './wrk.mjs'

/** One measurement: CPU time before and after, divided by what was answered in between. */
async function load(server, contender, work, seconds, { warmup, threads }) {
  await wrk(server.port, works[work], { seconds: warmup, threads })
  const before = cpu(server.pid)
  const { requests, ...figures } = await wrk(server.port, works[work], { seconds, threads })
  const spent = cpuBetween(server.pid, before, cpu(server.pid))
  return {
    requests,
    ...figures,
    cpuProcess: spent.process / requests,
    cpuMain: contender.javascript ? spent.main / requests : undefined,
    rssMegabytes: rss(server.pid) / 2 ** 20,
  }
}

/** Every other round the other way round: what drifts during a round then favours nobody. */
export const orderOf = (names, round) => (round % 2 === 1 ? names : [...names].reverse())

/** What `name` does in one round; each sample is given to `add`. */
async function visit(name, due, settings, add) {
  const contender = contenders[name]
  const loads = due.filter(({ work }) => work !== memoryWork && !contender.cannot?.[work])
  if (loads.length > 0) {
    const server = await startContender(contender)
    try {
      await checkAnswers(server.port, contender.cannot)
      for (const { work, seconds } of loads) {
        add(work, await load(server, contender, work, seconds, settings))
      }
    } finally {
      await server.stop()
    }
  }
  if (due.some(({ work }) => work === memoryWork)) add(memoryWork, await memory(contender, settings.held))
}

/**
 * Measures `names` in all rounds. Resolves to `{ samples, problems }`; a sample is `{ round, work, contender, ... }`.
 * `onVisit(round, name)` and `onSample(sample)` tell how it goes, `onProblem(text)` what failed.
 */
export async function session(names, settings, { onVisit, onSample, onProblem }) {
  const samples = []
  const problems = []
  for (let round = 1; round <= settings.rounds; round++) {
    const due = schedule(settings, round)
    if (due.length === 0) continue
    for (const name of orderOf(names, round)) {
      onVisit(round, name)
      const add = (work, figures) => {
        samples.push({ round, work, contender: name, ...figures })
        onSample(samples.at(-1))
      }
      try {
        await visit(name, due, settings, add)
      } catch (error) {
        problems.push(`${name}, round ${round}: ${error.message}`)
        onProblem(error.message)
      }
    }
  }
  return { samples, problems }
}
