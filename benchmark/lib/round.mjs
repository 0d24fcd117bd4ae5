// One round: fresh processes of all contenders, which then take turns so quickly that they share the same minute.
import { contenders, yardstick } from '../contenders.mjs'
import { takers } from '../works.mjs'
import { startContender } from './child.mjs'
import { checkAnswers } from './honest.mjs'
import { freshWarmUp, load, warmUp } from './load.mjs'
import { turnsOf } from './turns.mjs'

const isYardstick = ({ name }) => name === yardstick
const takesPart = (name, work) => takers([name], [work]).length > 0

async function start(name) {
  const contender = contenders[name]
  const server = await startContender(contender)
  try {
    await checkAnswers(server.port, contender.cannot)
  } catch (error) {
    await server.stop()
    throw error
  }
  return { name, contender, server }
}

/**
 * Drives `names` through what is `due`, as `{ work, slices }`. `begin(work)` and `end(work)` frame each; what comes of a
 * turn is given to `add(name, work, slice, figures)`. Who fails is given to `fail(name, error)` and takes no further part.
 */
export async function round(names, due, settings, { begin, add, end, fail }) {
  let running = []
  const attempt = async (each, task) => {
    try {
      await task(each)
    } catch (error) {
      fail(each.name, error)
      running = running.filter((other) => other !== each)
      await each.server.stop()
    }
  }
  const able = (work) =>
    running.filter(({ name, contender }) => !contender.cannot?.[work] && takesPart(name, work))
  try {
    for (const name of names) {
      await start(name).then(
        (started) => running.push(started),
        (error) => fail(name, error),
      )
    }
    for (const each of [...running]) await attempt(each, () => freshWarmUp(each, due, settings))
    for (const { work, slices } of due) {
      begin(work)
      for (const each of able(work)) await attempt(each, () => warmUp(each, work, settings))
      for (let slice = 1; slice <= slices; slice++) {
        for (const each of turnsOf(able(work), isYardstick, slice)) {
          if (!running.includes(each)) continue
          await attempt(each, async () => add(each.name, work, slice, await load(each, work, settings)))
        }
      }
      end(work)
    }
  } finally {
    await Promise.all(running.map(({ server }) => server.stop()))
  }
}
