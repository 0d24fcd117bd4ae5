import { AsyncLocalStorage } from 'node:async_hooks'
import { App, HttpResponse, Router, scope } from '@armature/core'
import { currentRequest } from '@armature/core/context'
import { testServer } from '@armature/core/testing'
import { expect, test } from 'vitest'
import { RawClient, type RawReply, until } from './helper.js'

const tick = () => new Promise<void>((resolve) => setImmediate(resolve))
const pause = () => new Promise<void>((resolve) => setTimeout(resolve, 1))

/** Every kind of handler there is; each answers with what it found at all of its steps. */
function kinds(found: () => string) {
  const all = (...steps: string[]) => steps.join(' ')
  return new Router()
    .get('/sync/:id', () => all(found(), found()))
    .get('/async/:id', async () => {
      const steps = [found()]
      await null
      steps.push(found())
      await tick()
      steps.push(found())
      await pause()
      steps.push(found())
      await new Promise<void>((resolve) => process.nextTick(resolve))
      return all(...steps, found())
    })
    .get('/promise/:id', () => Promise.resolve(found()).then((first) => all(first, found())))
    .get('/generator/:id', () => {
      const step = found()
      return HttpResponse.stream(async function* () {
        yield `${step} ${found()} `
        await tick()
        yield `${found()} `
        await pause()
        yield found()
      })
    })
    .get('/iterator/:id', async function* () {
      yield `${found()} `
      await pause()
      yield found()
    })
    .get('/writer/:id', async () => {
      await null
      return HttpResponse.stream(async (writer) => {
        await writer.write(`${found()} `)
        await tick()
        await writer.write(found())
      })
    })
    .get('/error/:id', async () => {
      await pause()
      throw new Error(found())
    })
    .post('/body/:id', async (req) => {
      const step = found()
      let size = 0
      for await (const chunk of req) size += chunk.length
      return all(step, found(), String(size) && found())
    })
}

const paths = ['sync', 'async', 'promise', 'generator', 'iterator', 'writer', 'error', 'body'] as const
const body = 'x'.repeat(100_000)

/** Many connections with many pipelined requests each, below the prefix of each; what each answered, by its number. */
async function flood(
  port: number,
  prefix: (id: number) => string = () => '',
): Promise<Map<number, RawReply>> {
  const replies = new Map<number, RawReply>()
  await Promise.all(
    Array.from({ length: 8 }, async (_, c) => {
      await using client = await RawClient.to(port)
      const ids = Array.from({ length: 40 }, (_, i) => c * 40 + i)
      client.send(ids.map((id) => message(prefix(id), pathOf(id), id)).join(''))
      for (const id of ids) replies.set(id, await client.read())
    }),
  )
  return replies
}

function message(prefix: string, path: string, id: number): string {
  if (path !== 'body') return `GET ${prefix}/${path}/${id} HTTP/1.1\r\nhost: t\r\n\r\n`
  return `POST ${prefix}/body/${id} HTTP/1.1\r\nhost: t\r\ncontent-length: ${body.length}\r\n\r\n${body}`
}

function pathOf(id: number): string {
  return paths[(id * 7) % paths.length] as string
}

/** Whatever looked found what belongs to its request. */
function expectOwn(replies: Map<number, RawReply>, value: (id: number) => string) {
  expect(replies.size).toBe(320)
  for (const [id, reply] of replies) {
    const steps = new Set(reply.body.split(' '))
    expect([pathOf(id), id, [...steps]]).toEqual([pathOf(id), id, [value(id)]])
  }
}

test('what middleware puts into a storage reaches everything of its own request, and nothing else', async () => {
  const storage = new AsyncLocalStorage<{ id: string }>()
  const found = () => storage.getStore()?.id ?? 'none'
  const inside = scope('/in')
    .wrap((req, next) => storage.run({ id: req.path.replace(/.*\//, '') }, next))
    // Those of a scope inside the middleware run inside it too.
    .service(new Router().onError((error) => `${(error as Error).message} ${found()}`).service(kinds(found)))
  const app = App.new()
    .onError((error) => (error as Error).message)
    .service(inside)
    .service(kinds(found))
  await using t = await testServer(app)
  const isInside = (id: number) => id % 3 !== 0
  const replies = await flood(t.server.port, (id) => (isInside(id) ? '/in' : ''))
  expectOwn(replies, (id) => (isInside(id) ? String(id) : 'none'))
})

test('a storage that is entered and never left ends with its request', async () => {
  const storage = new AsyncLocalStorage<string>()
  const found = () => storage.getStore() ?? 'none'
  const entered = (id: number) => id % 3 !== 0
  const app = App.new()
    .wrap((req, next) => {
      const id = req.path.replace(/.*\//, '')
      if (entered(Number(id))) storage.enterWith(id)
      return next()
    })
    .onError((error) => (error as Error).message)
    .service(kinds(found))
  await using t = await testServer(app)
  for (let round = 0; round < 2; round++) {
    expectOwn(await flood(t.server.port), (id) => (entered(id) ? String(id) : 'none'))
  }
  expect(storage.getStore()).toBeUndefined()
})

test('a server that is started in a context keeps it for all of its requests', async () => {
  const storage = new AsyncLocalStorage<string>()
  const app = App.new().get('/:id', async (req) => {
    const before = storage.getStore()
    if (req.param('id') !== '1') storage.enterWith(req.param('id'))
    await tick()
    return `${before} ${storage.getStore()}`
  })
  const server = await storage.run('boot', () => app.run({ listen: '127.0.0.1:0', signals: false }))
  await using client = await RawClient.to(server.port)
  for (const id of [1, 2, 1, 3]) client.send(`GET /${id} HTTP/1.1\r\nhost: t\r\n\r\n`)
  for (const expected of ['boot boot', 'boot 2', 'boot boot', 'boot 3']) {
    expect((await client.read()).body).toBe(expected)
  }
  client.socket.destroy()
  await server.close()
})

test('currentRequest() is the request, wherever code of it runs', async () => {
  const found = () => currentRequest()?.param('id' as never) ?? 'none'
  const app = App.new()
    .onError((error) => `${(error as Error).message} ${found()}`)
    .service(kinds(found))
  await using t = await testServer(app)
  expect(currentRequest()).toBeUndefined()
  expectOwn(await flood(t.server.port), String)
  expect(currentRequest()).toBeUndefined()
})

test('currentRequest() is what the handler has, in injected requests too', async () => {
  const app = App.new()
    .wrap(async (req, next) => {
      expect(currentRequest()).toBe(req)
      const res = await next()
      expect(currentRequest()).toBe(req)
      return res
    })
    .get('/', (req) => String(currentRequest() === req))
  expect(await (await app.inject('/')).text()).toBe('true')
  expect(currentRequest()).toBeUndefined()
})

test('what is done when a client leaves is done in the context of its request', async () => {
  const storage = new AsyncLocalStorage<string>()
  const seen: string[] = []
  let begun = 0
  const note = (what: string) => seen.push(`${what} ${storage.getStore()} ${currentRequest()?.path}`)
  const app = App.new()
    .wrap((req, next) => storage.run(req.path, next))
    .get('/signal', (req) => {
      req.signal.addEventListener('abort', () => note('signal'))
      begun++
      return new Promise(() => {})
    })
    .get('/stream', () =>
      HttpResponse.stream(async function* () {
        begun++
        try {
          for (;;) {
            yield 'x'
            await pause()
          }
        } finally {
          note('stream')
        }
      }),
    )
    .get('/other', () => 'x')
  await using t = await testServer(app)
  for (const path of ['/signal', '/stream']) {
    const client = await RawClient.to(t.server.port)
    client.send(`GET ${path} HTTP/1.1\r\nhost: t\r\n\r\n`)
    const before = begun
    await until(() => begun > before, 'the request')
    client.socket.destroy()
    const ended = seen.length
    await until(() => seen.length > ended, 'the end')
    expect(await (await t.fetch('/other')).text()).toBe('x')
  }
  expect(seen).toEqual(['signal /signal /signal', 'stream /stream /stream'])
})
