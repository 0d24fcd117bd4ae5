import { AsyncLocalStorage } from 'node:async_hooks'
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import {
  App,
  fixed,
  HttpError,
  HttpResponse,
  type RequestErrorMessage,
  type RequestFinishMessage,
  type RequestStartMessage,
  Router,
} from '@armature/core'
import { testServer } from '@armature/core/testing'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { RawClient, until } from './helper.js'

const names = ['armature:request:start', 'armature:request:finish', 'armature:request:error'] as const
/** What was published: the end of the channel's name, the path, and what else the message has. */
let seen: unknown[][]
let requests: Map<object, string>

const listeners = {
  'armature:request:start': (message: unknown) => {
    const { request } = message as RequestStartMessage
    expect(Object.keys(message as object)).toEqual(['request'])
    expect(requests.has(request)).toBe(false)
    requests.set(request, 'started')
    seen.push(['start', request.path])
  },
  'armature:request:finish': (message: unknown) => {
    const { request, status, aborted } = message as RequestFinishMessage
    expect(Object.keys(message as object)).toEqual(['request', 'status', 'aborted'])
    expect(requests.get(request)).toBe('started')
    requests.set(request, 'finished')
    seen.push(
      aborted === undefined ? ['finish', request.path, status] : ['finish', request.path, status, aborted],
    )
  },
  'armature:request:error': (message: unknown) => {
    const { request, error } = message as RequestErrorMessage
    expect(Object.keys(message as object)).toEqual(['request', 'error'])
    expect(requests.get(request)).toBe('started')
    seen.push(['error', request.path, (error as Error).message])
  },
}

beforeEach(() => {
  seen = []
  requests = new Map()
  for (const name of names) subscribe(name, listeners[name])
  vi.spyOn(process.stderr, 'write').mockReturnValue(true)
})
afterEach(() => {
  for (const name of names) unsubscribe(name, listeners[name])
  vi.restoreAllMocks()
})

const app = App.new({ timeouts: { handler: '500ms' } })
  .get('/sync', () => HttpResponse.created('x'))
  .get('/async', async () => 'x')
  .get('/nothing', async () => null)
  .get('/stream', () =>
    HttpResponse.stream(async function* () {
      yield 'a'
      yield 'b'
    }).status(202),
  )
  .get('/throw', () => {
    throw new Error('thrown')
  })
  .get('/reject', async () => {
    throw new HttpError(409, 'taken')
  })
  .get('/symbol', () => Symbol('x') as never)
  .get('/refused', () =>
    HttpResponse.stream(async function* () {
      yield await Promise.reject(new Error('before the head'))
    }),
  )
  .get('/broken', () =>
    HttpResponse.stream(async function* () {
      yield 'a'
      await new Promise((resolve) => setTimeout(resolve, 30))
      throw new Error('behind the head')
    }),
  )
  .get('/slow', () => new Promise(() => {}))
  .get('/native', fixed(HttpResponse.text('native').status(203)))
  .service(
    new Router()
      .wrap((_req, next) => next())
      .get('/inside', fixed(HttpResponse.text('inside').status(203)))
      .service(
        new Router()
          .onError((error) => ((error as Error).message === 'mine' ? HttpResponse.accepted() : undefined))
          .get('/mine', () => {
            throw new Error('mine')
          })
          .get('/outer', async () => {
            throw new Error('outer')
          }),
      )
      .service(
        new Router()
          .onError(() => {
            throw new Error('worse')
          })
          .get('/worse', () => {
            throw new Error('bad')
          }),
      ),
  )
  .onError((error) => ((error as Error).message === 'outer' ? HttpResponse.status(418) : undefined))

const table: [string, unknown[][]][] = [
  ['/sync', [['finish', '/sync', 201]]],
  ['/async', [['finish', '/async', 200]]],
  ['/nothing', [['finish', '/nothing', 204]]],
  ['/stream', [['finish', '/stream', 202]]],
  [
    '/throw',
    [
      ['error', '/throw', 'thrown'],
      ['finish', '/throw', 500],
    ],
  ],
  [
    '/reject',
    [
      ['error', '/reject', 'taken'],
      ['finish', '/reject', 409],
    ],
  ],
  [
    '/refused',
    [
      ['error', '/refused', 'before the head'],
      ['finish', '/refused', 500],
    ],
  ],
  ['/inside', [['finish', '/inside', 203]]],
  [
    '/mine',
    [
      ['error', '/mine', 'mine'],
      ['finish', '/mine', 202],
    ],
  ],
  [
    '/outer',
    [
      ['error', '/outer', 'outer'],
      ['finish', '/outer', 418],
    ],
  ],
  [
    '/worse',
    [
      ['error', '/worse', 'bad'],
      ['error', '/worse', 'worse'],
      ['finish', '/worse', 500],
    ],
  ],
]

test.each(table)('%s is published', async (path, expected) => {
  await using t = await testServer(app)
  for (const method of ['GET', 'HEAD']) {
    const res = await t.fetch(path, { method })
    await res.text()
    // A stream is not read for HEAD, and cannot fail then.
    const quiet = method === 'HEAD' && path === '/refused'
    const messages = quiet ? [['finish', path, 200]] : expected
    expect([method, res.status]).toEqual([method, messages.at(-1)?.[2]])
    await until(() => seen.some(([kind]) => kind === 'finish'), 'the end')
    expect([method, ...seen]).toEqual([method, ['start', path], ...messages])
    seen = []
  }
})

test('an answer that cannot be sent is an error', async () => {
  await using t = await testServer(app)
  expect((await t.fetch('/symbol')).status).toBe(500)
  expect(seen).toEqual([
    ['start', '/symbol'],
    ['error', '/symbol', expect.stringContaining('symbol')],
    ['finish', '/symbol', 500],
  ])
})

test('a body that fails behind its head is an error of a request with a status', async () => {
  await using t = await testServer(app)
  await expect(t.fetch('/broken').then((res) => res.text())).rejects.toThrow()
  await until(() => seen.length === 3, 'the end')
  expect(seen).toEqual([
    ['start', '/broken'],
    ['error', '/broken', 'behind the head'],
    ['finish', '/broken', 200],
  ])
})

test('what Rust answers by itself is not published', async () => {
  await using t = await testServer(app)
  for (const path of ['/native', '/nowhere']) await (await t.fetch(path)).text()
  expect(seen).toEqual([])
})

test('a request that was given up ends once, and says why', async () => {
  await using t = await testServer(app)
  expect((await t.fetch('/slow')).status).toBe(503)
  await until(() => seen.length === 2, 'the deadline')
  const client = await RawClient.to(t.server.port)
  client.send('GET /slow?2 HTTP/1.1\r\nhost: t\r\n\r\n')
  await until(() => seen.length === 3, 'the request')
  client.socket.destroy()
  await until(() => seen.length === 4, 'the client')
  const last = t.fetch('/slow').catch(() => {})
  await until(() => seen.length === 5, 'the request')
  await t.close()
  await last
  expect(seen).toEqual([
    ['start', '/slow'],
    ['finish', '/slow', undefined, 'deadline'],
    ['start', '/slow'],
    ['finish', '/slow', undefined, 'client-gone'],
    ['start', '/slow'],
    ['finish', '/slow', undefined, 'shutdown'],
  ])
})

test('a storage that is bound to the start holds for the request', async () => {
  const storage = new AsyncLocalStorage<string>()
  const start = channel('armature:request:start')
  start.bindStore(storage, (message) => (message as RequestStartMessage).request.path)
  const bound = App.new().get('/:id', async () => {
    const first = storage.getStore()
    await new Promise((resolve) => setImmediate(resolve))
    return `${first} ${storage.getStore()}`
  })
  await using t = await testServer(bound)
  await using client = await RawClient.to(t.server.port)
  for (const id of [1, 2, 3]) client.send(`GET /${id} HTTP/1.1\r\nhost: t\r\n\r\n`)
  for (const id of [1, 2, 3]) expect((await client.read()).body).toBe(`/${id} /${id}`)
  start.unbindStore(storage)
})

test('who subscribes while a request runs sees later ones, whole', async () => {
  unsubscribe(names[1], listeners[names[1]])
  unsubscribe(names[0], listeners[names[0]])
  let release: (text: string) => void = () => {}
  const held = App.new()
    .get(
      '/held',
      () =>
        new Promise<string>((resolve) => {
          release = resolve
        }),
    )
    .get('/', () => 'x')
  await using t = await testServer(held)
  const first = t.fetch('/held')
  await until(() => t.server.stats().lanes[0]?.handedOver === 1, 'the request')
  subscribe(names[0], listeners[names[0]])
  subscribe(names[1], listeners[names[1]])
  await (await t.fetch('/')).text()
  release('done')
  expect(await (await first).text()).toBe('done')
  expect(seen).toEqual([
    ['start', '/'],
    ['finish', '/', 200],
  ])
})

test('requests of one batch are each published, with their own request', async () => {
  await using t = await testServer(app)
  await using client = await RawClient.to(t.server.port)
  const paths = ['/sync', '/async', '/stream', '/throw', '/mine']
  const all = Array.from({ length: 30 }, (_, i) => paths[i % paths.length] as string)
  client.send(all.map((path) => `GET ${path} HTTP/1.1\r\nhost: t\r\n\r\n`).join(''))
  for (const _ of all) await client.read()
  await until(() => seen.filter(([kind]) => kind === 'finish').length === 30, 'the ends')
  expect(requests.size).toBe(30)
  for (const path of paths) {
    const of = seen.filter(([, each]) => each === path).map(([kind]) => kind)
    expect([path, of.filter((kind) => kind === 'start').length]).toEqual([path, 6])
    expect([path, of.filter((kind) => kind === 'error').length]).toEqual([
      path,
      path === '/throw' || path === '/mine' ? 6 : 0,
    ])
  }
})
