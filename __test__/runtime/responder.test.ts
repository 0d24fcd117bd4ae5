import { AsyncResource } from 'node:async_hooks'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { BodyKind } from '../../src/bridge/types.js'
import { jsonText } from '../../src/payload.js'
import { toResponse } from '../../src/responder.js'
import { HttpResponse } from '../../src/response.js'
import { pump, type StreamSource } from '../../src/stream.js'
import { FakeSink, fakeRequest, thrown } from './helper.js'

const req = fakeRequest({ method: 'GET', pattern: '/a' })
const convert = (value: unknown) => toResponse(value, req) as HttpResponse

const read = async (res: HttpResponse) => {
  const sink = new FakeSink()
  pump(res.value as StreamSource, sink, req, new AsyncResource('Test'))
  await sink.over
  expect(sink.state).toBe('ended')
  return sink.text
}

describe('toResponse', () => {
  it('passes an HttpResponse on', () => {
    const res = HttpResponse.ok()
    expect(toResponse(res, req)).toBe(res)
    const branded = { [Symbol.for('armature.response')]: true }
    expect(toResponse(branded, req)).toBe(branded)
  })

  it.each([
    ['a string', 'ä', BodyKind.Text, 'text/plain; charset=utf-8', 'ä'],
    ['an empty string', '', BodyKind.Text, 'text/plain; charset=utf-8', ''],
    ['a Buffer', Buffer.from('a'), BodyKind.Bytes, 'application/octet-stream', new Uint8Array([97])],
    [
      'a view',
      new DataView(new ArrayBuffer(1)),
      BodyKind.Bytes,
      'application/octet-stream',
      new Uint8Array(1),
    ],
    ['an ArrayBuffer', new ArrayBuffer(2), BodyKind.Bytes, 'application/octet-stream', new Uint8Array(2)],
    ['a number', 7, BodyKind.Json, 'application/json', 7],
    ['a boolean', false, BodyKind.Json, 'application/json', false],
    ['an object', { a: 1 }, BodyKind.Json, 'application/json', { a: 1 }],
    ['an array', [1, 2], BodyKind.Json, 'application/json', [1, 2]],
    ['a Date', new Date(0), BodyKind.Json, 'application/json', new Date(0)],
    [
      'URLSearchParams',
      new URLSearchParams({ a: 'b c' }),
      BodyKind.Text,
      'application/x-www-form-urlencoded;charset=UTF-8',
      'a=b+c',
    ],
  ])('sends %s', (_, value, kind, type, body) => {
    const res = convert(value)
    expect(res).toMatchObject({ statusCode: 200, _kind: kind, _type: type })
    expect(Buffer.isBuffer(body) ? Buffer.from(res.value as Buffer) : res.value).toEqual(
      value instanceof Buffer ? value : body,
    )
  })

  it('sends 204 for null and undefined', () => {
    for (const value of [null, undefined])
      expect(convert(value)).toMatchObject({ statusCode: 204, value: null })
  })

  it.each<[string, () => unknown]>([
    ['a ReadableStream', () => new Blob(['a', 'b']).stream()],
    ['a Node stream', () => Readable.from(['a', 'b'])],
    [
      'a generator',
      () =>
        (function* () {
          yield 'a'
          yield Buffer.from('b')
        })(),
    ],
    [
      'an async generator',
      () =>
        (async function* () {
          yield 'a'
          yield 'b'
        })(),
    ],
    [
      'an AsyncIterable',
      () => ({
        async *[Symbol.asyncIterator]() {
          yield 'ab'
        },
      }),
    ],
    ['an iterator', () => ['a', 'b'].values()],
  ])('streams %s', async (_, make) => {
    const res = convert(make())
    expect(res).toMatchObject({ statusCode: 200, isStream: true, _type: 'application/octet-stream' })
    expect(await read(res)).toBe('ab')
  })

  it('streams a Blob with its type', async () => {
    const res = convert(new Blob(['ab'], { type: 'text/csv' }))
    expect(res).toMatchObject({ isStream: true, _type: 'text/csv' })
    expect(await read(res)).toBe('ab')
    expect(convert(new Blob(['ab']))._type).toBe('application/octet-stream')
  })

  it('encodes FormData as multipart', async () => {
    const form = new FormData()
    form.append('name', 'ä')
    form.append('file', new Blob(['content'], { type: 'text/plain' }), 'a.txt')
    const res = convert(form)
    expect(res._type).toMatch(/^multipart\/form-data; boundary=/)
    const decoded = await new Response(await read(res), {
      headers: { 'content-type': res._type as string },
    }).formData()
    expect(decoded.get('name')).toBe('ä')
    expect(await (decoded.get('file') as File).text()).toBe('content')
  })

  it('refuses functions, symbols and bigints, naming the route', () => {
    for (const value of [() => 1, Symbol('s'), 1n]) {
      const error = thrown(() => convert(value))
      expect(error).toMatchObject({ constructor: TypeError, code: 'ARMATURE_RESPONSE_TYPE' })
      expect(error.message).toContain('the answer to GET /a')
    }
  })

  it('throws an error that was returned', () => {
    const error = new Error('oops')
    expect(thrown(() => convert(error))).toBe(error)
  })

  it('waits for promises and other thenables', async () => {
    expect(await toResponse(Promise.resolve('a'), req)).toMatchObject({ value: 'a' })
    // biome-ignore lint/suspicious/noThenProperty: query builders have one
    const query = { then: (resolve: (rows: number[]) => void) => resolve([1]) }
    expect(await toResponse(query, req)).toMatchObject({ value: [1] })
    await expect(toResponse(Promise.reject(new Error('no')), req)).rejects.toThrow('no')
    await expect(toResponse(Promise.resolve(1n), req)).rejects.toThrow('a bigint')
  })
})

describe('a web Response', () => {
  it('keeps status, headers and cookies', async () => {
    const headers = new Headers([
      ['content-type', 'text/html'],
      ['x-a', '1'],
      ['x-a', '2'],
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
    ])
    const res = convert(new Response('<p>', { status: 201, headers }))
    expect(res).toMatchObject({ statusCode: 201, isStream: true })
    expect([...res.headers]).toEqual([
      ['content-type', 'text/html'],
      ['x-a', '1, 2'],
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
    ])
    expect(await read(res)).toBe('<p>')
  })

  it('may have no body and no type', () => {
    expect(convert(new Response(null, { status: 204 }))).toMatchObject({
      statusCode: 204,
      _kind: BodyKind.Empty,
    })
    const stream = convert(new Response(new ReadableStream()))
    expect(stream).toMatchObject({ isStream: true, _type: null })
    expect(convert(Response.redirect('http://a.example/', 303)).headers.get('location')).toBe(
      'http://a.example/',
    )
  })

  it('drops the headers of its own connection', () => {
    const headers = {
      connection: 'keep-alive',
      'transfer-encoding': 'chunked',
      'keep-alive': 'timeout=5',
      'x-a': '1',
    }
    expect([...convert(new Response(null, { headers })).headers]).toEqual([['x-a', '1']])
  })

  it('drops what described a body that fetch() decompressed', () => {
    const proxied = (encoding: string, url: string) => {
      const web = new Response('x', { headers: { 'content-encoding': encoding, 'content-length': '9' } })
      Object.defineProperty(web, 'url', { value: url })
      return convert(web).headers
    }
    expect(proxied('gzip, br', 'http://a.example/').has('content-encoding')).toBe(false)
    expect(proxied('gzip', 'http://a.example/').has('content-length')).toBe(false)
    expect(proxied('gzip', '').get('content-encoding')).toBe('gzip')
    expect(proxied('compress', 'http://a.example/').get('content-length')).toBe('9')
  })

  it('cannot be sent when it was read, or is an error', async () => {
    const web = new Response('a')
    await web.text()
    expect(thrown(() => convert(web))).toMatchObject({ code: 'ARMATURE_RESPONSE_REUSED' })
    expect(thrown(() => convert(Response.error()))).toMatchObject({ code: 'ARMATURE_STATUS_INVALID' })
  })

  it('may be of another implementation', async () => {
    class Foreign {
      status = 202
      headers = new Headers({ 'x-a': '1' })
      body = new Response('f').body
      bodyUsed = false
      url = ''
      arrayBuffer() {}
      get [Symbol.toStringTag]() {
        return 'Response'
      }
    }
    const res = convert(new Foreign())
    expect(res).toMatchObject({ statusCode: 202, isStream: true })
    expect(await read(res)).toBe('f')
  })
})

describe('jsonText', () => {
  it('never loses an error', () => {
    const cycle: Record<string, unknown> = {}
    cycle.self = cycle
    const failing = {
      toJSON() {
        throw new Error('not today')
      },
    }
    expect(thrown(() => jsonText(cycle))).toBeInstanceOf(TypeError)
    expect(thrown(() => jsonText({ a: 1n }))).toBeInstanceOf(TypeError)
    expect(thrown(() => jsonText(failing)).message).toBe('not today')
    expect(thrown(() => jsonText({ toJSON: () => undefined }))).toMatchObject({
      code: 'ARMATURE_RESPONSE_TYPE',
    })
  })

  it('is what JSON.stringify says', () => {
    expect(jsonText({ a: [1, null, undefined], b: undefined })).toBe('{"a":[1,null,null]}')
    expect(jsonText(null)).toBe('null')
  })
})
