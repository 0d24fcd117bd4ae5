import { AsyncResource } from 'node:async_hooks'
import { App } from '@armature/core'
import { testServer } from '@armature/core/testing'
import { expect, test } from 'vitest'

/** With a storage in use each resource carries what is stored, where Node.js keeps it there. */
const burden = () => Object.getOwnPropertySymbols(new AsyncResource('test')).length

test('the context costs nothing until it is asked for, and may be asked for while a server runs', async () => {
  let entered: () => void = () => {}
  let release: () => void = () => {}
  const running = new Promise<void>((resolve) => {
    entered = resolve
  })
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  let current: () => unknown = () => 'not loaded'
  const app = App.new()
    .get('/held', async () => {
      entered()
      await held
      return String(current())
    })
    .get('/', (req) => String(current() === req))
  const before = burden()
  await using t = await testServer(app)
  expect(await (await t.fetch('/')).text()).toBe('false')
  expect(burden()).toBe(before)

  const old = t.fetch('/held')
  await running
  const { currentRequest } = await import('@armature/core/context')
  current = currentRequest
  expect(await (await t.fetch('/')).text()).toBe('true')
  release()
  expect(await (await old).text()).toBe('undefined')
})
