import { App, HttpResponse } from '@armature/core'
import { testServer } from '@armature/core/testing'
import { expect, test } from 'vitest'
import { RawClient, until } from './helper.js'

const app = () =>
  App.new({ limits: { body: '200kb' } })
    .post('/json', async (req) => req.json())
    .post('/text', async (req) => req.text())
    .post('/bytes', async (req) => HttpResponse.bytes(await req.bytes()))
    .post('/mixed', async (req) => [
      await req.text(),
      await req.json(),
      (await req.bytes()).length,
      await req.text(),
    ])
    .post('/form', async (req) => [...(await req.formData())])
    .post('/stream', async (req) => {
      let bytes = 0
      for await (const chunk of req) bytes += chunk.length
      return { bytes }
    })
    .post('/web', async (req) => {
      let bytes = 0
      for await (const chunk of req.body ?? []) bytes += chunk.length
      return { bytes }
    })
    .post('/large', { limits: { body: '5mb' } }, async (req) => ({ bytes: (await req.bytes()).length }))
    .post('/ignore', () => 'ignored')
    .post('/late', async (req) => {
      await new Promise((resolve) => setTimeout(resolve, 20))
      return req.text()
    })
    .post('/echo', (req) => HttpResponse.stream(req))

const json = { 'content-type': 'application/json' }

test('buffered readers, of short and long bodies', async () => {
  await using t = await testServer(app())
  for (const size of [0, 1, 500, 65_535, 65_536, 65_537, 150_000]) {
    // ASCII crosses as text, the rest as bytes.
    for (const text of ['é'.repeat(Math.ceil(size / 2)), 'e'.repeat(size)]) {
      const body = JSON.stringify({ text })
      const res = await t.fetch('/json', { method: 'POST', headers: json, body })
      expect([size, await res.json()]).toEqual([size, { text }])
      expect(await (await t.fetch('/late', { method: 'POST', body })).text()).toBe(body)
    }
  }
  const mixed = await t.fetch('/mixed', { method: 'POST', headers: json, body: '{"a":1}' })
  expect(await mixed.json()).toEqual(['{"a":1}', { a: 1 }, 7, '{"a":1}'])
  const form = await t.fetch('/form', { method: 'POST', body: new URLSearchParams({ a: '1 ü', b: '' }) })
  expect(await form.json()).toEqual([
    ['a', '1 ü'],
    ['b', ''],
  ])
  const bytes = Buffer.from(Array.from({ length: 1000 }, (_, i) => i % 256))
  const res = await t.fetch('/bytes', { method: 'POST', body: bytes })
  expect(Buffer.compare(Buffer.from(await res.arrayBuffer()), bytes)).toBe(0)
})

test('streaming readers', async () => {
  await using t = await testServer(app())
  for (const path of ['/stream', '/web']) {
    for (const size of [0, 10, 65_536, 190_000]) {
      const res = await t.fetch(path, { method: 'POST', body: Buffer.alloc(size) })
      expect([path, await res.json()]).toEqual([path, { bytes: size }])
    }
  }
  expect(await (await t.fetch('/large', { method: 'POST', body: Buffer.alloc(5 << 20) })).json()).toEqual({
    bytes: 5 << 20,
  })
})

test('a body can be streamed back while it arrives', async () => {
  await using t = await testServer(
    App.new({ limits: { body: '50mb' } }).post('/', (req) => HttpResponse.stream(req)),
  )
  await using client = await RawClient.to(t.server.port)
  client.send('POST / HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n')
  // The first piece comes back before the second was sent: both directions flow at once.
  await until(() => client.socket.bytesRead > 0, 'the head')
  client.send('3\r\ntwo\r\n0\r\n\r\n')
  expect((await client.read()).body).toBe('onetwo')
  const big = Buffer.alloc(20 << 20, 'x')
  const res = await t.fetch('/', { method: 'POST', body: big })
  expect((await res.arrayBuffer()).byteLength).toBe(20 << 20)
})

test('bad bodies get the right status and do not disturb the next request', async () => {
  await using t = await testServer(app())
  const status = async (path: string, init: RequestInit) => {
    const res = await t.fetch(path, { method: 'POST', ...init })
    return [res.status, ((await res.json()) as { code?: string }).code]
  }
  expect(await status('/json', { headers: json, body: '{"a":' })).toEqual([400, 'ARMATURE_JSON_INVALID'])
  expect(await status('/json', { headers: json, body: '' })).toEqual([400, 'ARMATURE_BODY_EMPTY'])
  expect(await status('/json', { headers: { 'content-type': 'text/plain' }, body: '{}' })).toEqual([
    415,
    'ARMATURE_MEDIA_TYPE',
  ])
  expect(await status('/json', { headers: json, body: Buffer.from([0x22, 0xff, 0x22]) })).toEqual([
    400,
    'ARMATURE_JSON_INVALID',
  ])
  expect(await status('/form', { headers: json, body: 'a=1' })).toEqual([415, 'ARMATURE_MEDIA_TYPE'])
  expect(await status('/text', { body: Buffer.alloc(250_000) })).toEqual([413, 'ARMATURE_BODY_TOO_LARGE'])
  await using client = await RawClient.to(t.server.port)
  client.send('POST /text HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n')
  const malformed = await client.read()
  expect([malformed.status, JSON.parse(malformed.body).code]).toEqual([400, 'ARMATURE_BODY_MALFORMED'])
  expect(await client.closed()).toBe('end')
  await using other = await RawClient.to(t.server.port)
  other.send(
    `POST /text HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n${'10000\r\n'}${'x'.repeat(65536)}\r\n`.repeat(
      1,
    ),
  )
  for (let i = 0; i < 3; i++) other.send(`10000\r\n${'x'.repeat(65536)}\r\n`)
  const large = await other.read()
  expect([large.status, JSON.parse(large.body).code]).toEqual([413, 'ARMATURE_BODY_TOO_LARGE'])
  expect(await (await t.fetch('/json', { method: 'POST', headers: json, body: '[1]' })).json()).toEqual([1])
})

test('a handler that ignores the body does not break the connection', async () => {
  await using t = await testServer(app())
  await using client = await RawClient.to(t.server.port)
  for (const size of [10, 60_000]) {
    client.send(`POST /ignore HTTP/1.1\r\nhost: t\r\ncontent-length: ${size}\r\n\r\n${'x'.repeat(size)}`)
    expect((await client.read()).body).toBe('ignored')
  }
  client.send(`POST /ignore HTTP/1.1\r\nhost: t\r\ncontent-length: 150000\r\n\r\n`)
  client.send('x'.repeat(150_000))
  const reply = await client.read()
  expect([reply.body, reply.headers.connection]).toEqual(['ignored', 'close'])
  expect(await client.closed()).toBe('end')
})

test('a body that stops arriving is 408', async () => {
  await using t = await testServer(
    App.new({ timeouts: { body: '100ms' } }).post('/', async (req) => req.text()),
  )
  for (const framing of ['content-length: 10', 'content-length: 100000', 'transfer-encoding: chunked']) {
    await using client = await RawClient.to(t.server.port)
    client.send(
      `POST / HTTP/1.1\r\nhost: t\r\n${framing}\r\n\r\n${framing.includes('chunked') ? '5\r\nab' : 'abc'}`,
    )
    const reply = await client.read()
    expect([framing, reply.status, JSON.parse(reply.body).code]).toEqual([
      framing,
      408,
      'ARMATURE_BODY_TIMEOUT',
    ])
    expect(await client.closed()).toBe('end')
  }
})

test('expect: 100-continue is answered when the handler reads', async () => {
  await using t = await testServer(app())
  await using client = await RawClient.to(t.server.port)
  client.send('POST /text HTTP/1.1\r\nhost: t\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n')
  expect((await client.read()).status).toBe(100)
  client.send('ok')
  expect((await client.read()).body).toBe('ok')
  client.send('POST /ignore HTTP/1.1\r\nhost: t\r\ncontent-length: 100000\r\nexpect: 100-continue\r\n\r\n')
  expect((await client.read()).body).toBe('ignored')
})

test('a client that leaves while sending fails the reader', async () => {
  let failure: { code?: string } | undefined
  const server = App.new().post('/', async (req) => {
    try {
      for await (const _ of req);
    } catch (error) {
      failure = error as { code?: string }
    }
    return 'x'
  })
  await using t = await testServer(server)
  const client = await RawClient.to(t.server.port)
  client.send('POST / HTTP/1.1\r\nhost: t\r\ncontent-length: 100000\r\n\r\nabc')
  await until(() => t.server.stats().lanes[0]?.pending === 1, 'the request')
  client.socket.destroy()
  await until(() => failure !== undefined, 'the failure')
  expect(failure?.code).toBe('ARMATURE_BODY_ABORTED')
})
