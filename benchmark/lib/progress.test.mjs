import { expect, test } from 'vitest'
import { progress } from './progress.mjs'

test.each([
  [{ perSecond: 1000, cpuProcess: 8.25 }, 'a: 1000 requests/s, 8.3 us of CPU each'],
  [{ idle: 1.25, inflight: 3 }, 'a: 1.3 KB idle, 3.0 KB with a request'],
  [{ idle: 1.5 }, 'a: 1.5 KB idle'],
  [{ idleStream: 4 }, 'a: 4.0 KB each'],
  [{ p50: 1, p99: 2, waitedPercent: 0 }, 'a: 99 % within 2.0 ms'],
  [{ perSecond: 10, lateP50: 0.5, lateP99: 2 }, 'a: 10 requests/s, timers 0.50 ms late, 99 %: 2.00'],
])('%o', (figures, line) => {
  expect(progress([{ contender: 'a', ...figures }], 'a')).toBe(line)
  expect(progress([{ contender: 'b', ...figures }], 'a')).toBeUndefined()
})
