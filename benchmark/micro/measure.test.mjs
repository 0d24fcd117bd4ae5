// The clock of the small benchmarks.
import { expect, test } from 'vitest'
import { nanoseconds, repeat } from './measure.mjs'

test('batches grow until they take long enough, and the median counts', async () => {
  const counts = []
  // 2 us each, but for a batch that was interrupted.
  const run = async (count) => {
    counts.push(count)
    return counts.length === 14 ? 1000 : count * 0.002
  }
  expect(await nanoseconds(run, { least: 1, batches: 5 })).toBe(2000)
  expect(counts.slice(0, 4)).toEqual([1, 2, 4, 8])
  expect(counts.slice(-5)).toEqual([512, 512, 512, 512, 512])
})

test('an operation runs as often as it is counted', () => {
  let calls = 0
  const took = repeat(() => ++calls)(1000)
  expect(calls).toBe(1000)
  expect(took).toBeGreaterThanOrEqual(0)
})
