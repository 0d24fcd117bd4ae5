// Workers that are killed under load; `npm run kills` does it longer.
import { expect, test } from 'vitest'
import { dyingWorkers } from '../scripts/soak/dying.mjs'

test('20 killed workers: no request fails that its thread had not been handed', {
  timeout: 180_000,
}, async () => {
  const { ok, failures, samples } = await dyingWorkers({ kills: 20 })
  expect(failures).toEqual([])
  expect(ok).toBeGreaterThan(200)
  expect(samples.at(-1)).toMatchObject({ restarts: 20, running: 3 })
})
