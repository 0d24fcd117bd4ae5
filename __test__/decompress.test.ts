// Content codings of requests: what is undone, and what is refused.
import { spawnSync } from 'node:child_process'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { App, Decompress, type DecompressOptions, fixed, HttpResponse } from '@armature/core'
import { testServer } from '@armature/core/testing'
import { expect, test } from 'vitest'
import { needsTool } from './helper.js'
import { Session } from './http2-client.js'

const TEXT = JSON.stringify(Array.from({ length: 2000 }, (_, id) => ({ id, name: `user ${id * 7919}` })))
const HUGE = '10mb'

const zstd = (text: string | Buffer) => spawnSync('zstd', ['-q', '-c', '--no-check'], { input: text }).stdout

const encoders: Record<string, (text: string | Buffer) => Buffer> = {
  gzip: (text) => gzipSync(text),
  'x-gzip': (text) => gzipSync(text),
  deflate: (text) => deflateSync(text),
  br: (text) => brotliCompressSync(text),
  zstd,
}

function app(options: DecompressOptions = {}, limit = HUGE) {
  return App.new({ limits: { body: limit } })
    .wrap(Decompress.new(options))
    .post('/text', async (req) => ({
      text: await req.text(),
      coding: req.header('content-encoding') ?? null,
      length: req.header('content-length') ?? null,
    }))
    .post('/count', async (req) => {
      let length = 0
      for await (const chunk of req) length += chunk.length
      return String(length)
    })
    .post('/fixed', fixed(HttpResponse.text('fixed')))
}

async function send(t: { url: string }, path: string, coding: string, body: Buffer) {
  const url = new URL(path, t.url)
  const response = await fetch(url, { method: 'POST', body, headers: { 'content-encoding': coding } })
  const text = await response.text()
  return { status: response.status, text, json: () => JSON.parse(text), headers: response.headers }
}

test.for(Object.entries(encoders))(
  '%s is undone, over HTTP/1 and HTTP/2',
  async ([coding, encode], context) => {
    if (coding === 'zstd') needsTool(context, 'zstd', '--version')
    await using t = await testServer(app())
    await using client = new Session(t)
    for (const text of ['a', TEXT, TEXT.repeat(9)]) {
      const body = encode(text)
      const whole = { text, coding: null, length: null }
      expect((await send(t, '/text', coding, body)).json()).toEqual(whole)
      expect((await send(t, '/count', coding, body)).text).toBe(String(Buffer.byteLength(text)))
      const reply = await client.ask('/text', { ':method': 'POST', 'content-encoding': coding }, body)
      expect(JSON.parse(reply.body)).toEqual(whole)
    }
    expect((await send(t, '/fixed', coding, encode(TEXT))).text).toBe('fixed')
  },
)

test('several, one inside the other; several members; none', async () => {
  await using t = await testServer(app())
  expect((await send(t, '/text', 'gzip, BR', brotliCompressSync(gzipSync(TEXT)))).json().text).toBe(TEXT)
  expect((await send(t, '/text', 'gzip', Buffer.concat([gzipSync('a'), gzipSync('b')]))).json().text).toBe(
    'ab',
  )
  expect((await send(t, '/text', 'identity', Buffer.from('x'))).json()).toMatchObject({
    text: 'x',
    coding: null,
  })
  const plain = await fetch(`${t.url}/text`, { method: 'POST', body: 'plain' })
  expect(await plain.json()).toEqual({ text: 'plain', coding: null, length: '5' })
})

test.each<[string, string, Buffer]>([
  ['gzip that is cut off', 'gzip', gzipSync(TEXT).subarray(0, -9)],
  ['gzip without its last byte', 'gzip', gzipSync(TEXT).subarray(0, -1)],
  ['gzip with a wrong checksum', 'gzip', Buffer.concat([gzipSync(TEXT).subarray(0, -8), Buffer.alloc(8)])],
  ['gzip that something follows', 'gzip', Buffer.concat([gzipSync(TEXT), Buffer.from('more')])],
  ['no gzip', 'gzip', Buffer.from('hello, this is no gzip')],
  ['deflate that is cut off', 'deflate', deflateSync(TEXT).subarray(0, -3)],
  ['deflate without zlib', 'deflate', deflateRawSync(TEXT)],
  ['deflate that something follows', 'deflate', Buffer.concat([deflateSync(TEXT), Buffer.from('more')])],
  ['br that is cut off', 'br', brotliCompressSync(TEXT).subarray(0, -1)],
  ['br that something follows', 'br', Buffer.concat([brotliCompressSync(TEXT), Buffer.from('more')])],
  ['no br', 'br', Buffer.alloc(100, 0xff)],
  ['no zstd', 'zstd', Buffer.from('hello, this is no zstd')],
])('400: %s', async (_, coding, body) => {
  await using t = await testServer(app())
  await using client = new Session(t)
  const reply = await send(t, '/text', coding, body)
  expect([reply.status, reply.json().code]).toEqual([400, 'ARMATURE_BODY_MALFORMED'])
  const headers = { ':method': 'POST', 'content-encoding': coding }
  expect((await client.ask('/count', headers, body)).status).toBe(400)
  // Nobody else is disturbed.
  expect((await send(t, '/text', 'gzip', gzipSync('fine'))).json().text).toBe('fine')
})

test('400: zstd that is cut off', async (context) => {
  needsTool(context, 'zstd', '--version')
  await using t = await testServer(app())
  expect((await send(t, '/text', 'zstd', zstd(TEXT).subarray(0, -2))).status).toBe(400)
  expect((await send(t, '/text', 'zstd', Buffer.concat([zstd('a'), zstd('b')]))).json().text).toBe('ab')
})

test('413: bombs, by their size and by their ratio', async () => {
  const zeros = Buffer.alloc(9 << 20)
  await using byRatio = await testServer(app())
  await using bySize = await testServer(app({ maxRatio: 10_000, maxSize: '8mb' }))
  await using byLimit = await testServer(app({ maxRatio: 10_000 }, '8mb'))
  for (const coding of ['gzip', 'deflate', 'br']) {
    const bomb = encoders[coding]?.(zeros) as Buffer
    for (const t of [byRatio, bySize, byLimit]) {
      const reply = await send(t, '/count', coding, bomb)
      expect([reply.status, reply.json().code], coding).toEqual([413, 'ARMATURE_BODY_TOO_LARGE'])
    }
  }
  const twice = gzipSync(gzipSync(zeros))
  expect((await send(byRatio, '/text', 'gzip, gzip', twice)).status).toBe(413)
})

test('the limit counts what is decompressed, and exactly', async () => {
  await using t = await testServer(app({}, '2kb'))
  const body = (length: number) => gzipSync('ab'.repeat(length / 2))
  expect((await send(t, '/text', 'gzip', body(2048))).status).toBe(200)
  expect((await send(t, '/text', 'gzip', body(2050))).status).toBe(413)
  await using wider = await testServer(app({ maxSize: '4kb' }, '2kb'))
  expect((await send(wider, '/text', 'gzip', body(4096))).status).toBe(200)
  expect((await send(wider, '/count', 'gzip', body(4098))).status).toBe(413)
})

test('415 for what is not accepted', async () => {
  await using t = await testServer(app({ codings: ['gzip', 'br'] }))
  for (const coding of ['compress', 'deflate', 'gzip, zstd', 'gzip, gzip, gzip']) {
    const reply = await send(t, '/text', coding, gzipSync('x'))
    expect([reply.status, reply.json().code], coding).toEqual([415, 'ARMATURE_CODING_UNSUPPORTED'])
    expect(reply.headers.get('accept-encoding')).toBe('gzip, br')
  }
})

test('503 for more at the same time than `concurrent`, until one is done', async () => {
  const single = app({ concurrent: 1 })
  const server = await single.run({ listen: { port: 0, host: '127.0.0.1' }, io: 1, signals: false })
  await using _ = server
  await using client = new Session({ url: server.url as string })
  const headers = { ':method': 'POST', 'content-encoding': 'gzip' }
  const slow = client.begin('/count', headers, false)
  const body = gzipSync(TEXT)
  slow.write(body.subarray(0, 20))
  // Its head is there before the next one's.
  const busy = await client.ask('/text', headers, body)
  expect([busy.status, busy.headers['retry-after']]).toEqual([503, '1'])
  const answered = new Promise((resolve) => slow.once('response', resolve))
  slow.end(body.subarray(20))
  await answered
  slow.resume()
  expect((await client.ask('/text', headers, body)).status).toBe(200)
})

test.each<[DecompressOptions, string]>([
  [{ codings: [] }, 'Decompress.codings'],
  [{ maxSize: 0 }, 'Decompress.maxSize'],
  [{ maxRatio: 1 }, 'Decompress.maxRatio'],
  [{ concurrent: 0 }, 'Decompress.concurrent'],
])('wrong options: %j', (options, name) => {
  const error = { code: 'ARMATURE_OPTION_INVALID', message: expect.stringContaining(name) }
  expect(() => Decompress.new(options)).toThrow(expect.objectContaining(error))
})
