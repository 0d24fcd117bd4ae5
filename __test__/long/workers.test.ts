import { expect, test } from 'vitest'
import { runCycles } from '../cycles.js'

test('10,000 workers start and end, and memory stays', { timeout: 7_200_000 }, async () => {
  const { rss, ...result } = await runCycles(10_000)
  expect(result).toEqual({ code: 0, done: 10_000, output: '' })
  const middle = rss[rss.length >> 1] ?? 0
  const last = rss.at(-1) ?? 0
  expect(last, `${rss.map((bytes) => bytes >> 20)}`).toBeLessThan(middle * 1.2 + (32 << 20))
})
