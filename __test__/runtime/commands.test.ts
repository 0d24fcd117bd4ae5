import { expect, test } from 'vitest'
import { CommandBuffer } from '../../src/bridge/commands.js'

const target = { slot: 1, generation: 1 }
const MB = 1 << 20

test('the memory of large answers is kept while they come, and given back when none does', () => {
  const commands = new CommandBuffer(() => commands.reset())
  const first = commands.bytes.length
  const answer = (bytes: number) => {
    commands.respondBytes(target, 200, 0, 0, null, Buffer.alloc(bytes))
    commands.reset()
  }
  answer(4 * MB)
  const large = commands.bytes
  expect(large.length).toBeGreaterThan(4 * MB)
  // Whoever waits until a loop has caught up commits nothing, many times.
  for (let n = 0; n < 1000; n++) commands.reset()
  answer(4 * MB)
  expect(commands.bytes === large, 'the same memory').toBe(true)
  for (let n = 0; n < 64; n++) {
    expect(commands.bytes === large).toBe(true)
    answer(10)
  }
  expect(commands.bytes.length).toBe(first)
})
