// Whether the machine is as fast as it was: what neighbours on it take is not to be counted as the work of a server.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { allowedCores, pinned } from './cores.mjs'

/** Times its best by which the probe may be slower: on a quiet machine it varies by a twentieth. */
export const SLOWEST = 1.12
/** Looks that find out what the best is, before anything is measured. */
const LOOKS = 40
const PAUSE = 50
/** Cores that are looked at. */
const MOST_CORES = 4

/** A probe on each core, see probe.mjs; asked one after the other, so that they are not each other's neighbours. */
async function probes() {
  const children = allowedCores()
    .slice(0, MOST_CORES)
    .map((core) => {
      const [program, ...args] = pinned([process.execPath, join(import.meta.dirname, 'probe.mjs')], [core])
      const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
      return { child, core, best: Number.POSITIVE_INFINITY }
    })
  for (const { child } of children) await once(child, 'message')
  return {
    /** By how much the slowest core is slower than the best that it ever was. */
    async look() {
      let slowest = 1
      for (const each of children) {
        const answer = once(each.child, 'message')
        each.child.send('')
        const [milliseconds] = await answer
        each.best = Math.min(each.best, milliseconds)
        slowest = Math.max(slowest, milliseconds / each.best)
      }
      return slowest
    },
    end() {
      for (const { child } of children) child.disconnect()
    },
  }
}

/**
 * Waits, in all for `patience` seconds at most, until it is calm. Resolves to `{ turn(measure), counts(), end() }`: `turn` resolves to
 * what `measure()` does, which is asked again when the machine has become slower meanwhile and there is patience left.
 */
export async function calmMachine(patience, { look, end } = {}) {
  const own = look ? { look, end } : await probes()
  for (let n = 0; n < LOOKS; n++) await own.look()
  let left = patience * 1000
  const counts = { turns: 0, repeated: 0, disturbed: 0, waited: 0 }
  const isCalm = async () => (await own.look()) <= SLOWEST
  const spend = (milliseconds) => {
    left -= milliseconds
    counts.waited += milliseconds / 1000
  }
  const calm = async () => {
    while (left > 0) {
      const begin = performance.now()
      if (await isCalm()) return
      await sleep(PAUSE)
      spend(performance.now() - begin)
    }
  }
  return {
    async turn(measure) {
      counts.turns++
      for (;;) {
        await calm()
        const begin = performance.now()
        const figures = await measure()
        if (await isCalm()) return figures
        if (left <= 0) {
          counts.disturbed++
          return figures
        }
        counts.repeated++
        spend(performance.now() - begin)
      }
    },
    counts: () => ({ ...counts, waited: Math.round(counts.waited) }),
    end: () => own.end?.(),
  }
}

/** What `measure()` resolves to, on a machine that is calm meanwhile if there is one that says when it is. */
export const calmly = (machine, measure) => (machine ? machine.turn(measure) : measure())
