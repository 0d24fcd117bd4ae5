import { createHook, executionAsyncId, executionAsyncResource, triggerAsyncId } from 'node:async_hooks'
import { App, HttpResponse } from '@armature/core'
import { testServer } from '@armature/core/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { RawClient, until } from './helper.js'

interface Seen {
  before: number
  after: number
  destroyed: number
  resource: object
}

let seen: Map<number, Seen>
/** What made each resource. */
let triggers: Map<number, number>
const hook = createHook({
  init(id, type, trigger, resource) {
    triggers.set(id, trigger)
    if (type === 'ARMATURE_REQUEST') seen.set(id, { before: 0, after: 0, destroyed: 0, resource })
  },
  before(id) {
    const of = seen.get(id)
    if (of !== undefined) of.before++
  },
  after(id) {
    const of = seen.get(id)
    if (of !== undefined) of.after++
  },
  destroy(id) {
    const of = seen.get(id)
    if (of !== undefined) of.destroyed++
  },
})

beforeEach(() => {
  seen = new Map()
  triggers = new Map()
  hook.enable()
})
afterEach(() => {
  hook.disable()
})

/** Whether the resource `id` was made by `ancestor`, or by something that it made. */
function descends(id: number, ancestor: number): boolean {
  for (let at: number | undefined = id; at !== undefined && at !== 0; at = triggers.get(at)) {
    if (at === ancestor) return true
  }
  return false
}

const handlers = () => {
  const ids: number[] = []
  const app = App.new({ asyncResource: true })
    .wrap((_req, next) => {
      ids.push(executionAsyncId())
      return next()
    })
    .get('/sync', () => {
      expect(seen.get(executionAsyncId())?.resource).toBe(executionAsyncResource())
      return String(executionAsyncId())
    })
    .get('/async', async () => {
      const own = executionAsyncId()
      await new Promise((resolve) => setTimeout(resolve, 1))
      expect(executionAsyncId()).not.toBe(own)
      return `${own} ${descends(triggerAsyncId(), own)}`
    })
    .get('/stream', () => {
      const own = executionAsyncId()
      return HttpResponse.stream(async function* () {
        yield `${own} `
        await new Promise((resolve) => setTimeout(resolve, 1))
        yield String(seen.get(own)?.destroyed)
      })
    })
    .get('/throw', () => {
      throw new Error('x')
    })
    .onError(() => 'caught')
    .get('/never', () => new Promise(() => {}))
  return { app, ids }
}

test('each request is a resource: made, entered, left and destroyed once', async () => {
  const { app, ids } = handlers()
  await using t = await testServer(app)
  await using client = await RawClient.to(t.server.port)
  const paths = ['/sync', '/async', '/stream', '/throw']
  const all = Array.from({ length: 40 }, (_, i) => paths[i % paths.length] as string)
  client.send(all.map((path) => `GET ${path} HTTP/1.1\r\nhost: t\r\n\r\n`).join(''))
  for (const path of all) {
    const { status, body } = await client.read()
    expect([path, status]).toEqual([path, 200])
    if (path === '/sync') expect(seen.has(Number(body))).toBe(true)
    if (path === '/async') expect(body).toMatch(/^\d+ true$/)
    // It lives as long as its answer.
    if (path === '/stream') expect(body).toMatch(/^\d+ 0$/)
  }
  expect(seen.size).toBe(40)
  expect(new Set(ids)).toEqual(new Set(seen.keys()))
  await until(() => [...seen.values()].every(({ destroyed }) => destroyed > 0), 'the ends')
  for (const of of seen.values()) expect(of).toMatchObject({ before: 1, after: 1, destroyed: 1 })
})

test('a request that is given up is destroyed too', async () => {
  const { app } = handlers()
  await using t = await testServer(app)
  const client = await RawClient.to(t.server.port)
  client.send('GET /never HTTP/1.1\r\nhost: t\r\n\r\n')
  await until(() => seen.size === 1, 'the request')
  const [of] = [...seen.values()]
  expect(of?.destroyed).toBe(0)
  client.socket.destroy()
  await until(() => of?.destroyed === 1, 'the end')
})

test('nobody gets resources who did not ask for them', async () => {
  await using t = await testServer(App.new().get('/', async () => 'x'))
  await (await t.fetch('/')).text()
  expect(seen.size).toBe(0)
})

test('run() may ask for them, and so may the environment', async () => {
  const app = () => App.new().get('/', () => 'x')
  {
    await using t = await testServer(app(), { run: { asyncResource: true } })
    await (await t.fetch('/')).text()
    expect(seen.size).toBe(1)
  }
  process.env.ARMATURE_ASYNC_RESOURCE = 'true'
  try {
    await using t = await testServer(app())
    await (await t.fetch('/')).text()
    expect(seen.size).toBe(2)
  } finally {
    delete process.env.ARMATURE_ASYNC_RESOURCE
  }
})
