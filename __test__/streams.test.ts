import { Readable } from 'node:stream'
import { App, HttpResponse } from '@armature/core'
import { testServer } from '@armature/core/testing'
import { afterEach, expect, test, vi } from 'vitest'
import { RawClient, until } from './helper.js'

afterEach(() => vi.restoreAllMocks())

test('sources of every kind arrive whole and in order', async () => {
  const lines = Array.from({ length: 1000 }, (_, i) => `line ${i} ü\n`)
  const app = App.new()
    .get('/iterable', () => HttpResponse.stream(lines))
    .get('/node', () => HttpResponse.stream(Readable.from(lines)))
    .get('/web', () => HttpResponse.stream(new Blob(lines).stream() as ReadableStream<Uint8Array>))
    .get('/writer', () =>
      HttpResponse.stream(async (writer) => {
        for (const line of lines) await writer.write(line)
      }),
    )
    .get('/large', () => HttpResponse.stream(['é'.repeat(300_000), Buffer.alloc(500_000, 'x')]))
    .get('/empty', () => HttpResponse.stream([]))
  await using t = await testServer(app)
  for (const path of ['/iterable', '/node', '/web', '/writer']) {
    expect([path, await (await t.fetch(path)).text()]).toEqual([path, lines.join('')])
  }
  expect(await (await t.fetch('/large')).text()).toBe('é'.repeat(300_000) + 'x'.repeat(500_000))
  expect(await (await t.fetch('/empty')).text()).toBe('')
})

test('a copy of a response that a function writes is written by it too', async () => {
  const app = App.new().get('/', () => HttpResponse.stream((writer) => writer.write('text')).clone())
  await using t = await testServer(app)
  expect(await (await t.fetch('/')).text()).toBe('text')
})

test('pieces leave as they come', async () => {
  let release: () => void = () => {}
  const app = App.new().get('/', () =>
    HttpResponse.stream(async function* () {
      yield 'first'
      await new Promise<void>((resolve) => {
        release = resolve
      })
      yield 'second'
    }),
  )
  await using t = await testServer(app)
  const res = await t.fetch('/')
  const reader = (res.body as ReadableStream<Uint8Array>).getReader()
  expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('first')
  release()
  expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('second')
  expect((await reader.read()).done).toBe(true)
})

test('a slow reader holds the producer back', async () => {
  let produced = 0
  const app = App.new().get('/', () =>
    HttpResponse.stream(async function* () {
      const chunk = Buffer.alloc(64 * 1024)
      for (let i = 0; i < 4096; i++) {
        produced += chunk.length
        yield chunk
      }
    }),
  )
  await using t = await testServer(app)
  const client = await RawClient.to(t.server.port)
  client.socket.pause()
  client.send('GET / HTTP/1.1\r\nhost: t\r\n\r\n')
  await until(() => produced > 0, 'the first chunk')
  let before = -1
  while (before !== produced) {
    before = produced
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  // What the kernel and the windows hold; far less than the 256 MiB of the whole.
  expect(produced).toBeLessThan(32 * 1024 * 1024)
  client.socket.destroy()
})

test('a client that leaves ends the iterable', async () => {
  const ended: string[] = []
  const app = App.new().get('/:kind', (req) =>
    HttpResponse.stream(async function* () {
      try {
        yield 'hello'
        if (req.param('kind') === 'idle')
          await new Promise((_, reject) => req.signal.addEventListener('abort', reject))
        for (;;) yield Buffer.alloc(1000)
      } finally {
        ended.push(req.param('kind'))
      }
    }),
  )
  vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  await using t = await testServer(app)
  for (const kind of ['idle', 'busy']) {
    const client = await RawClient.to(t.server.port)
    client.send(`GET /${kind} HTTP/1.1\r\nhost: t\r\n\r\n`)
    await until(() => client.socket.bytesRead > 0, 'the head')
    client.socket.destroy()
    await until(() => ended.includes(kind), `the end of ${kind}`)
  }
  await until(() => t.server.stats().lanes[0]?.pending === 0, 'the slots')
})

test('a source that fails after the head resets the connection and is logged', async () => {
  const log: string[] = []
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    log.push(String(text))
    return true
  })
  const app = App.new().get('/', () =>
    HttpResponse.stream(async function* () {
      yield 'a'.repeat(1000)
      throw new Error('the source broke')
    }),
  )
  await using t = await testServer(app)
  await using client = await RawClient.to(t.server.port)
  await expect(client.get('/')).rejects.toThrow()
  expect(log.join('')).toContain('the source broke')
})

test('HEAD of a stream releases it', async () => {
  let returned = false
  const app = App.new().get('/', () => {
    const source = (function* () {
      yield 'x'
    })()
    source.return = () => {
      returned = true
      return { done: true, value: undefined as never }
    }
    return HttpResponse.stream(source)
  })
  await using t = await testServer(app)
  expect((await t.fetch('/', { method: 'HEAD' })).status).toBe(200)
  expect(returned).toBe(true)
})
