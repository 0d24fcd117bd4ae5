import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

async function many(mode: string) {
  const script = join(__dirname, 'fixtures/many.cjs')
  // A server has four IO threads on any machine; what does not listen has one all the same.
  const env = { ...process.env, NODE_ENV: 'production', ARMATURE_IO: '4' }
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', script, mode], { env })
  return JSON.parse(stdout)
}

test('applications that were injected into leave neither threads nor themselves', async () => {
  const { starts, again, most, left, alive } = await many('inject')
  // Its engine has gone meanwhile, and the other one that it gets runs no hook again.
  expect([again, starts]).toEqual(['first', 1])
  // Four idle engines and the one at work.
  expect(most).toBeLessThanOrEqual(5)
  expect(left).toEqual([0, 0, 0])
  // Whatever the machine still has in a register or a stack frame.
  expect(alive).toBeLessThan(30)
})

test('a server that was closed leaves no loop, no hook and no mailbox', async () => {
  expect(await many('run')).toEqual({ left: [0, 0, 0] })
})
