// Server-sent events over real sockets: with a client that does what WHATWG HTML says, with curl, over HTTP/1.0, 1.1 and 2.
import { execFile } from 'node:child_process'
import { EventEmitter, on, once } from 'node:events'
import { connect } from 'node:http2'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { App, HttpResponse, type SseEvent } from '@armature/core'
import { testServer } from '@armature/core/testing'
import { afterEach, expect, test, vi } from 'vitest'
import { EventStreamParser, TestEventSource } from './event-source.js'
import { isInline, needsTool, RawClient, until } from './helper.js'

afterEach(() => vi.restoreAllMocks())

/** Events that come when a test says so; knows whether it was given up. */
class Channel implements AsyncIterableIterator<SseEvent | string> {
  returned = 0
  asked = 0
  readonly #waiting: ((result: IteratorResult<SseEvent | string>) => void)[] = []
  readonly #ready: (SseEvent | string)[] = []

  send(event: SseEvent | string): void {
    const waiting = this.#waiting.shift()
    if (waiting === undefined) this.#ready.push(event)
    else waiting({ done: false, value: event })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<SseEvent | string>> {
    this.asked++
    const value = this.#ready.shift()
    if (value !== undefined) return Promise.resolve({ done: false, value })
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  async return(): Promise<IteratorResult<SseEvent | string>> {
    this.returned++
    return { done: true, value: undefined }
  }
}

test('events reach an EventSource, which connects again and says where it was', async () => {
  const asked: (string | undefined)[] = []
  const app = App.new().get('/', (req) => {
    asked.push(req.lastEventId)
    expect(req.header('last-event-id') === undefined).toBe(req.lastEventId === undefined)
    if (asked.length === 3) return HttpResponse.noContent()
    return HttpResponse.sse(
      [
        'plain',
        { id: `ü${asked.length}`, event: 'named', data: { n: asked.length } },
        { comment: 'nothing to see', data: 'a\r\nb' },
      ],
      { retry: 20 },
    )
  })
  await using t = await testServer(app)
  using source = new TestEventSource(t.url)
  await source.until((s) => s.readyState === 'closed')
  const round = (n: number) => [
    { type: 'message', data: 'plain', lastEventId: '' },
    { type: 'named', data: `{"n":${n}}`, lastEventId: `ü${n}` },
    { type: 'message', data: 'a\nb', lastEventId: `ü${n}` },
  ]
  expect(source.events).toEqual([...round(1), ...round(2)])
  expect([source.retry, source.comments[0]]).toEqual([20, ' nothing to see'])
  expect(asked).toEqual([undefined, 'ü1', 'ü2'])
  expect(source.heads.map((head) => head.statusCode)).toEqual([200, 200, 204])
  expect(source.heads[0]?.headers).toMatchObject({
    'content-type': 'text/event-stream',
    'cache-control': 'no-cache',
    'x-accel-buffering': 'no',
    'transfer-encoding': 'chunked',
  })
  expect(source.heads[0]?.headers['content-length']).toBeUndefined()
})

test('events leave as they come, and the head before the first', async () => {
  const channel = new Channel()
  await using t = await testServer(App.new().get('/', () => HttpResponse.sse(channel)))
  using source = new TestEventSource(t.url)
  await source.until((s) => s.readyState === 'open')
  for (const n of [1, 2]) {
    channel.send(`${n}`)
    await source.until((s) => s.events.length === n)
  }
})

test('an idle stream speaks, one that has something to say does not', async () => {
  const idle = new Channel()
  const busy = new Channel()
  const app = App.new()
    .get('/idle', () => HttpResponse.sse(idle, { heartbeat: 100 }))
    .get('/never', () => HttpResponse.sse(new Channel(), { heartbeat: 0 }))
    .get('/busy', () => HttpResponse.sse(busy, { heartbeat: '2s' }))
  await using t = await testServer(app)
  using never = new TestEventSource(`${t.url}/never`)
  using talks = new TestEventSource(`${t.url}/busy`)
  using source = new TestEventSource(`${t.url}/idle`)
  const timer = setInterval(() => busy.send('x'), 20)
  const start = performance.now()
  await source.until((s) => s.comments.length === 5)
  expect(performance.now() - start).toBeGreaterThan(400)
  // Between two events, where it belongs.
  idle.send('x'.repeat(200_000))
  await source.until((s) => s.events.length === 1 && s.comments.length > 6)
  clearInterval(timer)
  expect(source.events[0]?.data).toHaveLength(200_000)
  expect([never.readyState, never.comments, talks.comments]).toEqual(['open', [], []])
  expect(talks.events.length).toBeGreaterThan(5)
})

test.skipIf(isInline)('an idle stream speaks while JavaScript computes', async () => {
  const app = App.new().get('/', () => HttpResponse.sse(new Channel(), { heartbeat: 50 }))
  await using t = await testServer(app)
  using source = new TestEventSource(t.url)
  await source.until((s) => s.readyState === 'open')
  const end = performance.now() + 500
  while (performance.now() < end);
  const start = performance.now()
  await source.until((s) => s.comments.length >= 8)
  expect(performance.now() - start).toBeLessThan(300)
})

test('a client that leaves ends the iterable', async () => {
  const ended: string[] = []
  const bus = new EventEmitter()
  const channel = new Channel()
  const app = App.new()
    .get('/channel', () => HttpResponse.sse(channel))
    .get('/busy', () =>
      HttpResponse.sse(
        (async function* () {
          try {
            for (;;) yield { data: 'x'.repeat(1000) }
          } finally {
            ended.push('busy')
          }
        })(),
      ),
    )
    .get('/bus', (req) =>
      HttpResponse.sse(
        (async function* () {
          try {
            for await (const [data] of on(bus, 'news', { signal: req.signal })) yield { data }
          } finally {
            ended.push('bus')
          }
        })(),
      ),
    )
  const log = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  await using t = await testServer(app)
  for (const path of ['/channel', '/busy', '/bus']) {
    const client = await RawClient.to(t.server.port)
    client.send(`GET ${path} HTTP/1.1\r\nhost: t\r\n\r\n`)
    await until(() => client.socket.bytesRead > 0, 'the head')
    client.socket.destroy()
    if (path === '/channel') await until(() => channel.returned === 1, 'return()')
    else await until(() => ended.includes(path.slice(1)), `the end of ${path}`)
  }
  await until(() => t.server.stats().lanes[0]?.pending === 0, 'the slots')
  expect(bus.listenerCount('news')).toBe(0)
  expect(channel.returned).toBe(1)
  expect(log).not.toHaveBeenCalled()
})

test('a client that does not read holds the iterable back, and gets no heartbeats on top', async () => {
  let produced = 0
  const app = App.new({ limits: { responseBuffer: '64kb' } }).get('/', () =>
    HttpResponse.sse(
      (function* () {
        for (;;) {
          produced++
          yield { data: 'x'.repeat(64 * 1024) }
        }
      })(),
      { heartbeat: 10 },
    ),
  )
  await using t = await testServer(app)
  const client = await RawClient.to(t.server.port)
  client.socket.pause()
  client.send('GET / HTTP/1.1\r\nhost: t\r\n\r\n')
  await until(() => produced > 0, 'the first event')
  let before = -1
  while (before !== produced) {
    before = produced
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  // What the kernel holds, and the windows.
  expect(produced * 64 * 1024).toBeLessThan(32 * 1024 * 1024)
  client.socket.destroy()
})

test('an iterable that fails is an answer before the head, and a reset that is logged after it', async () => {
  const log: string[] = []
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    log.push(String(text))
    return true
  })
  const app = App.new()
    .get('/first', () => HttpResponse.sse([{ event: 'a\nb', data: '' }]))
    .get('/later', () =>
      HttpResponse.sse(
        (async function* () {
          yield 'fine'
          await new Promise((resolve) => setTimeout(resolve, 50))
          yield { id: 'a\0b' }
        })(),
      ),
    )
    .onError((error) => HttpResponse.status(418).body((error as { code: string }).code))
  await using t = await testServer(app)
  const first = await t.fetch('/first')
  expect([first.status, await first.text(), first.headers.get('cache-control')]).toEqual([
    418,
    'ARMATURE_SSE_INVALID',
    null,
  ])
  expect(log).toEqual([])
  const later = await t.fetch('/later')
  await expect(later.text()).rejects.toThrow()
  expect(log.join('')).toContain('id has a line break or U+0000')
  // An EventSource takes a reset for a reason to come again, another status for one to stay away.
  using source = new TestEventSource(`${t.url}/later`)
  await source.until((s) => s.events.length === 2)
})

test('HEAD has the head of GET, and the iterable is given up unread', async () => {
  const channel = new Channel()
  const app = App.new().get('/', () => HttpResponse.sse(channel))
  await using t = await testServer(app)
  await using client = await RawClient.to(t.server.port)
  client.send('HEAD / HTTP/1.1\r\nhost: t\r\n\r\n')
  const reply = await client.read()
  expect(reply).toMatchObject({ status: 200, headers: { 'content-type': 'text/event-stream' } })
  expect(reply.headers['content-length']).toBeUndefined()
  expect([channel.asked, channel.returned]).toEqual([0, 1])
  await until(() => t.server.stats().lanes[0]?.pending === 0, 'the slot')
})

test('middleware sees a stream, and may replace it', async () => {
  const channels: Channel[] = []
  const app = App.new()
    .wrap(async (req, next) => {
      const res = await next()
      expect([res.isStream, res.value]).toEqual([true, channels.at(-1)])
      return req.path === '/no' ? HttpResponse.forbidden() : res.header('x-seen', '1')
    })
    .wrap(async (_req, next) => next())
    .get('/*path', () => {
      const channel = new Channel()
      channels.push(channel)
      return HttpResponse.sse(channel)
    })
  await using t = await testServer(app)
  using source = new TestEventSource(`${t.url}/yes`)
  await source.until((s) => s.readyState === 'open')
  expect(source.heads[0]?.headers['x-seen']).toBe('1')
  expect((await t.fetch('/no')).status).toBe(403)
})

test('middleware that replaces a stream without looking gives its iterable up', async () => {
  const channel = new Channel()
  const app = App.new()
    .wrap(async (_req, next) => {
      await next()
      return HttpResponse.forbidden()
    })
    .get('/', () => HttpResponse.sse(channel))
  await using t = await testServer(app)
  expect((await t.fetch('/')).status).toBe(403)
  expect([channel.asked, channel.returned]).toEqual([0, 1])
})

test('over HTTP/1.0 the end of the connection ends it', async () => {
  const app = App.new().get('/', () => HttpResponse.sse(['a', { id: 1, data: 'b' }]))
  await using t = await testServer(app)
  const client = await RawClient.to(t.server.port)
  client.send('GET / HTTP/1.0\r\n\r\n')
  const all = await text(client.socket)
  expect(all).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
  expect(all).not.toMatch(/transfer-encoding|content-length/i)
  expect(all.slice(all.indexOf('\r\n\r\n') + 4)).toBe('data: a\n\nid: 1\ndata: b\n\n')
})

test('over HTTP/2 streams share a connection, and one that is given up leaves the others alone', async () => {
  const channels: Channel[] = []
  const app = App.new().get('/', () => {
    const channel = new Channel()
    channels.push(channel)
    return HttpResponse.sse(channel, { heartbeat: 50 })
  })
  await using t = await testServer(app)
  const session = connect(t.url)
  const streams = [1, 2, 3].map(() => session.request({ ':path': '/' }))
  const parsers = streams.map((stream) => {
    const parser = new EventStreamParser()
    stream.setEncoding('utf8').on('data', (chunk) => parser.push(chunk))
    return parser
  })
  const heads = await Promise.all(streams.map((stream) => once(stream, 'response')))
  expect(heads[0]?.[0]).toMatchObject({ ':status': 200, 'content-type': 'text/event-stream' })
  channels[0]?.send({ id: 1, data: 'one' })
  channels[2]?.send('three')
  await until(() => parsers[0]?.events.length === 1 && parsers[2]?.events.length === 1)
  await until(() => parsers.every((parser) => parser.comments.length > 2), 'heartbeats')
  streams[0]?.close()
  await until(() => channels[0]?.returned === 1)
  channels[1]?.send('two')
  await until(() => parsers[1]?.events.length === 1)
  expect([channels[1]?.returned, channels[2]?.returned]).toEqual([0, 0])
  // A server that closes ends them, not the connection under them.
  const ends = streams.slice(1).map((stream) => once(stream, 'end'))
  await t.server.close()
  await Promise.all(ends)
  expect(streams.slice(1).map((stream) => stream.rstCode)).toEqual([0, 0])
  expect(channels.map((channel) => channel.returned)).toEqual([1, 1, 1])
  session.destroy()
})

test('a server that closes ends streams at once, whole, and their iterables', async () => {
  const channel = new Channel()
  const reasons: unknown[] = []
  let begun = false
  const app = App.new()
    .get('/', (req) => {
      req.signal.addEventListener('abort', () => reasons.push((req.signal.reason as { code: string }).code))
      return HttpResponse.sse(channel)
    })
    .get('/late', async () => {
      begun = true
      await new Promise((resolve) => setTimeout(resolve, 100))
      return HttpResponse.sse(late)
    })
  const late = new Channel()
  await using t = await testServer(app)
  await using client = await RawClient.to(t.server.port)
  const reply = client.get('/')
  channel.send('x')
  await until(() => channel.asked === 2)
  await using other = await RawClient.to(t.server.port)
  const begins = other.get('/late')
  await until(() => begun)
  const start = performance.now()
  await t.server.close({ timeout: '8s' })
  expect(performance.now() - start).toBeLessThan(4000)
  // Chunked to its end: not cut off.
  expect((await reply).body).toBe('data: x\n\n')
  expect(await begins).toMatchObject({ status: 200, body: '' })
  expect([channel.returned, late.returned, reasons]).toEqual([1, 1, ['ARMATURE_SERVER_CLOSED']])
})

test('many idle streams speak without a timer of JavaScript, and end with the server', async () => {
  const COUNT = 500
  const channels: Channel[] = []
  const app = App.new().get('/', () => {
    const channel = new Channel()
    channels.push(channel)
    return HttpResponse.sse(channel, { heartbeat: 100 })
  })
  await using t = await testServer(app)
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = timers()
  const clients = await Promise.all(Array.from({ length: COUNT }, () => RawClient.to(t.server.port)))
  const replies = clients.map((client) => client.get('/'))
  const heard = clients.map((client) => {
    let text = ''
    client.socket.on('data', (chunk) => {
      text += chunk
    })
    return () => text.split(':\n\n').length - 1
  })
  await until(() => heard.every((heartbeats) => heartbeats() >= 3), 'heartbeats')
  expect(timers()).toBeLessThanOrEqual(before)
  // Each was asked once, and nothing was said to JavaScript since.
  expect(channels.map((channel) => channel.asked)).toEqual(Array(COUNT).fill(1))
  expect(t.server.stats().lanes[0]?.pending).toBe(COUNT)
  await t.server.close({ timeout: '8s' })
  expect(channels.filter((channel) => channel.returned === 1)).toHaveLength(COUNT)
  for (const reply of replies) expect((await reply).body).toMatch(/^(:\n\n){3,}$/)
  for (const client of clients) client.socket.destroy()
})

test('curl reads it', async (context) => {
  needsTool(context, 'curl', '--version')
  const app = App.new().get('/', () => HttpResponse.sse(['a', { event: 'e', data: 'b\nc' }], { retry: '1s' }))
  await using t = await testServer(app)
  const curl = (...options: string[]) => promisify(execFile)('curl', ['-sN', ...options, t.url])
  const body = 'retry: 1000\n\ndata: a\n\nevent: e\ndata: b\ndata: c\n\n'
  for (const version of ['--http1.0', '--http1.1', '--http2-prior-knowledge']) {
    expect([version, (await curl(version)).stdout]).toEqual([version, body])
  }
  expect((await curl('-I')).stdout).toMatch(/content-type: text\/event-stream\r\ncache-control: no-cache/)
})

test('inject reads it, and giving it up ends the iterable', async () => {
  const channel = new Channel()
  const app = App.new()
    .get('/', () => HttpResponse.sse(['a', 'b']))
    .get('/open', () => HttpResponse.sse(channel, { heartbeat: 20 }))
  expect(await (await app.inject('/')).text()).toBe('data: a\n\ndata: b\n\n')
  const res = await app.inject('/open')
  const reader = (res.body as ReadableStream<Uint8Array>).getReader()
  expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe(':\n\n')
  await reader.cancel()
  await until(() => channel.returned === 1)
})

test('what is no iterable, and options that do not exist, are refused', () => {
  for (const source of ['text', 7, null, undefined, {}, Buffer.from('x'), async function* () {}])
    expect(() => HttpResponse.sse(source as never)).toThrow(
      expect.objectContaining({ name: 'TypeError', code: 'ARMATURE_RESPONSE_TYPE' }),
    )
  expect(() => HttpResponse.sse([], { interval: 1 } as never)).toThrow(
    expect.objectContaining({ code: 'ARMATURE_OPTION_INVALID' }),
  )
})
