// process.exit() at any moment: the process ends with that code, and nothing crashes. EXITS=1000 does it more often.
import { expect, test } from 'vitest'
import { type Exit, runExit } from './exits.js'

const count = Number(process.env.EXITS ?? 12)

/** Always the same moments, from the first ones to half a second. */
function exits(who: Exit['who']): Exit[] {
  const io = [1, 2, 'inline'] as const
  return Array.from({ length: count }, (_, n) => ({
    who,
    after: Math.round(500 * ((n * 0.618) % 1) ** 2),
    io: io[n % io.length] as Exit['io'],
  }))
}

test('in the primary thread', { timeout: count * 30_000 }, async () => {
  for (const exit of exits('primary')) {
    const { code, output } = await runExit(exit)
    expect({ exit, code, output }).toEqual({ exit, code: 40, output: '' })
  }
})

test('in a worker, which is replaced', { timeout: count * 30_000 }, async () => {
  for (const exit of exits('worker')) {
    const { code, output, answered } = await runExit(exit)
    expect({ exit, code, some: answered > 0 }).toEqual({ exit, code: 0, some: true })
    for (const line of output.split('\n').filter((line) => line.includes('ARMATURE'))) {
      expect(line).toMatch(/ARMATURE_WORKER_ENDED.*it ended with code 41; it is started again/)
    }
    expect(output).not.toMatch(/panicked|fatal|FATAL|napi/)
  }
})
