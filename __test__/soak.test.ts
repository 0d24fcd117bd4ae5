import { expect, test } from 'vitest'
import { soak } from '../scripts/soak/run.mjs'

test('30 s of mixed load: every answer is the right one, and nothing grows', {
  timeout: 120_000,
}, async () => {
  const { visits, before, after, samples } = await soak({ seconds: 30 })
  expect(visits).toBeGreaterThan(500)
  expect(after).toMatchObject({ connections: 0, inFlight: 0, pending: 0 })
  expect(after.descriptors).toBeLessThanOrEqual(before.descriptors)
  expect(after.resources).toBeLessThanOrEqual(before.resources)
  expect(samples.length).toBeGreaterThan(3)
  // V8 keeps some of what it grew to; a leak of 1 KB per visit would show many times over.
  expect(after.rss - before.rss).toBeLessThan(48 * 1024 * 1024)
})
