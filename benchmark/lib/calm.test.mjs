// Turns on a machine that is slower now and then.
import { expect, test } from 'vitest'
import { calmMachine, SLOWEST } from './calm.mjs'

/** A machine that is `slowness[n]` times slower at the n-th look, and calm after that. */
async function machine(slowness, patience = 60) {
  const looks = []
  const calm = await calmMachine(patience, { look: async () => looks.shift() ?? 1 })
  looks.push(...slowness)
  return calm
}

test('a turn that was disturbed is measured again', async () => {
  const calm = await machine([1, SLOWEST + 0.1, 1, 1, 1, SLOWEST])
  let n = 0
  expect(await calm.turn(async () => ++n)).toBe(2)
  expect(await calm.turn(async () => ++n)).toBe(3)
  expect(calm.counts()).toMatchObject({ turns: 2, repeated: 1, disturbed: 0 })
})

test('nothing is measured while the machine is slower', async () => {
  const calm = await machine([3, 3, 1])
  const begin = performance.now()
  await calm.turn(async () => expect(performance.now() - begin).toBeGreaterThan(90))
  expect(calm.counts()).toMatchObject({ repeated: 0, disturbed: 0 })
})

test('without patience everything counts, and is counted as disturbed', async () => {
  const calm = await machine([3, 3, 3], 0)
  expect(await calm.turn(async () => 'it')).toBe('it')
  expect(calm.counts()).toEqual({ turns: 1, repeated: 0, disturbed: 1, waited: 0 })
})

test.runIf(process.platform === 'linux')('a probe on each core says how fast it is', async () => {
  const calm = await calmMachine(0)
  expect(await calm.turn(async () => 'it')).toBe('it')
  expect(calm.counts().turns).toBe(1)
  calm.end()
})
