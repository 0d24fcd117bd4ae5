// Threads that come and go: nothing hangs, crashes or is lost. __test__/long does it 10,000 times.
import { expect, test } from 'vitest'
import { runCycles } from './cycles.js'

test('200 workers start and end', { timeout: 300_000 }, async () => {
  expect(await runCycles(200)).toMatchObject({ code: 0, done: 200, output: '' })
})
