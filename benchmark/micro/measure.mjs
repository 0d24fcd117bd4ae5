// What one operation costs: as many of them as take long enough to be timed, several times over, the median.
import { median } from '../lib/figures.mjs'

/**
 * Resolves to nanoseconds for one operation. `run(count)` performs `count` of them and returns (or resolves to)
 * milliseconds. `least`: milliseconds that a batch has to take; `batches`: how many are measured after calibration,
 * which also lets the compiler see what is hot.
 */
export async function nanoseconds(run, { least = 40, batches = 15 } = {}) {
  let count = 1
  let took = await run(count)
  while (took < least && count < 2 ** 30) {
    // At most doubled: early batches are slow, and say little about later ones.
    count *= 2
    took = await run(count)
  }
  const times = []
  for (let batch = 0; batch < batches; batch++) times.push(((await run(count)) * 1_000_000) / count)
  return median(times)
}

/** A `run` for {@link nanoseconds} of a plain function. What it returns is kept, so that it cannot be optimised away. */
export const repeat = (operation) => (count) => {
  const begin = performance.now()
  let last
  for (let i = 0; i < count; i++) last = operation(i)
  const took = performance.now() - begin
  globalThis.benchmarkKeeps = last
  return took
}

/** Measures `{ name: run }` and prints what the harness reads. `--quick`: only to see that it works. */
export async function report(benches) {
  const options = process.argv.includes('--quick') ? { least: 1, batches: 3 } : {}
  for (const [name, run] of Object.entries(benches)) {
    console.log(`@@${JSON.stringify({ name, nanoseconds: await nanoseconds(run, options) })}`)
  }
}
