import { describe, expect, it } from 'vitest'
import { HttpRequest } from '../../src/request.js'
import { FakeBody, type FakeRequest, FakeSource, fakeRequest, rejection, settle } from './helper.js'

const post = (body: FakeRequest['body'], type?: string, more: FakeRequest = {}) =>
  fakeRequest({
    method: 'POST',
    ...(body === undefined ? {} : { body }),
    headers: type === undefined ? [] : [['content-type', type]],
    ...more,
  })

const collect = async (chunks: AsyncIterable<Uint8Array>) => {
  const parts: Uint8Array[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return Buffer.concat(parts).toString()
}

describe('json()', () => {
  it.each([
    'application/json',
    'application/json; charset=utf-8',
    'Application/JSON;charset="UTF-8"',
    'application/problem+json',
    'application/json; charset=us-ascii',
    undefined,
    '',
  ])('accepts %j', async (type) => {
    await expect(post('{"a":1}', type).json()).resolves.toEqual({ a: 1 })
  })

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/jsonp',
    'application/json; charset=utf-16',
  ])('refuses %j with 415', async (type) => {
    const error = await rejection(post('{}', type).json())
    expect(error).toMatchObject({ name: 'HttpError', status: 415, code: 'ARMATURE_MEDIA_TYPE' })
    expect(error.message).toContain(type)
  })

  it.each(['{', '{"a":1}x', 'undefined', "{'a':1}", '\u00a0'])('answers 400 to %j', async (body) => {
    const error = await rejection(post(body, 'application/json').json())
    expect(error).toMatchObject({ name: 'HttpError', status: 400, code: 'ARMATURE_JSON_INVALID' })
    expect(error.cause).toBeInstanceOf(SyntaxError)
  })

  it('answers 400 to bytes that are not UTF-8', async () => {
    const error = await rejection(post(Buffer.from([0x22, 0xff, 0x22])).json())
    expect(error).toMatchObject({ status: 400, code: 'ARMATURE_JSON_INVALID' })
    expect(error.message).toContain('UTF-8')
  })

  it('answers 400 to an empty body', async () => {
    const code = 'ARMATURE_BODY_EMPTY'
    await expect(post(undefined).json()).rejects.toMatchObject({ status: 400, code })
    await expect(post('', 'application/json').json()).rejects.toMatchObject({ status: 400, code })
    await expect(post(new FakeBody([])).json()).rejects.toMatchObject({ status: 400, code })
  })

  it('ignores a byte order mark', async () => {
    await expect(post('\ufeff{"a":"ä"}').json()).resolves.toEqual({ a: 'ä' })
  })

  it('parses anew each time', async () => {
    const req = post('{"a":[]}')
    const first = await req.json<{ a: number[] }>()
    first.a.push(1)
    await expect(req.json()).resolves.toEqual({ a: [] })
  })

  it('makes __proto__ an own property', async () => {
    const value = await post('{"__proto__":{"admin":true}}').json<{ admin?: boolean }>()
    expect(value.admin).toBeUndefined()
    expect(Object.keys(value)).toEqual(['__proto__'])
  })
})

describe('text()', () => {
  it('decodes UTF-8, without its byte order mark', async () => {
    await expect(post('ä日').text()).resolves.toBe('ä日')
    await expect(post('\ufeffa', 'text/plain').text()).resolves.toBe('a')
    await expect(post(undefined).text()).resolves.toBe('')
  })

  it('replaces what is not UTF-8', async () => {
    await expect(post(Buffer.from([0x61, 0xff])).text()).resolves.toBe('a\ufffd')
  })

  it('decodes iso-8859-1 when told so', async () => {
    const latin1 = Buffer.from([0xe4, 0x80])
    await expect(post(latin1, 'text/plain; charset=ISO-8859-1').text()).resolves.toBe('ä\u0080')
  })

  it('refuses other charsets', async () => {
    const error = await rejection(post('x', 'text/plain; charset=utf-16le').text())
    expect(error).toMatchObject({ status: 415, code: 'ARMATURE_MEDIA_TYPE' })
  })
})

describe('bytes()', () => {
  it('gives the same Buffer each time', async () => {
    const req = post('abc')
    const bytes = await req.bytes()
    expect(Buffer.isBuffer(bytes)).toBe(true)
    expect(bytes.toString()).toBe('abc')
    expect(await req.bytes()).toBe(bytes)
    expect(await post(undefined).bytes()).toHaveLength(0)
  })
})

describe('formData()', () => {
  const type = 'application/x-www-form-urlencoded'

  it('reads a form', async () => {
    const form = await post('a=1&b=x+y%21&a=%C3%A4', `${type}; charset=UTF-8`).formData()
    expect(form).toBeInstanceOf(FormData)
    expect([...form]).toEqual([
      ['a', '1'],
      ['b', 'x y!'],
      ['a', 'ä'],
    ])
    expect([...(await post(undefined, type).formData())]).toEqual([])
    expect([...(await post('?a=1', type).formData())]).toEqual([['?a', '1']])
  })

  it('refuses other types', async () => {
    for (const other of [undefined, 'application/json']) {
      const error = await rejection(post('a=1', other).formData())
      expect(error).toMatchObject({ status: 415, code: 'ARMATURE_MEDIA_TYPE' })
    }
    const error = await rejection(post('--x--', 'multipart/form-data; boundary=x').formData())
    expect(error).toMatchObject({ name: 'ArmatureError', code: 'ARMATURE_NOT_AVAILABLE' })
  })

  it('answers 400 to bytes that are not UTF-8', async () => {
    const error = await rejection(post(Buffer.from([0x61, 0x3d, 0xff]), type).formData())
    expect(error).toMatchObject({ status: 400, code: 'ARMATURE_FORM_INVALID' })
  })
})

describe('buffered readers', () => {
  it('may be mixed and called together', async () => {
    const body = new FakeBody(['{"a"', ':1}'])
    const req = post(body, 'application/json')
    const [json, text, bytes] = await Promise.all([req.json(), req.text(), req.bytes()])
    expect([json, text, bytes.toString()]).toEqual([{ a: 1 }, '{"a":1}', '{"a":1}'])
    expect(await req.text()).toBe('{"a":1}')
    expect(body.opened).toBe(1)
  })

  it('read after another one refused the type', async () => {
    const req = post('a=1', 'application/x-www-form-urlencoded')
    await rejection(req.json())
    expect([...(await req.formData())]).toEqual([['a', '1']])
  })

  it('read large bodies with a window of credit', async () => {
    const piece = Buffer.alloc(100_000, 'x')
    const body = new FakeBody([piece, piece, piece], 'open')
    const bytes = post(body).bytes()
    await settle()
    expect(body.delivered).toBe(300_000)
    // Some credit is left at all times, so that the end can be seen.
    expect(body.granted - body.delivered).toBe(64 * 1024)
    body.finish()
    expect((await bytes).equals(Buffer.concat([piece, piece, piece]))).toBe(true)
  })

  it('do not read a body that says it is too large', async () => {
    const body = new FakeBody(['x'.repeat(11)])
    const req = post(body, undefined, { bodyLimit: 10, contentLength: 11 })
    const error = await rejection(req.text())
    expect(error).toMatchObject({ name: 'HttpError', status: 413, code: 'ARMATURE_BODY_TOO_LARGE' })
    expect(error.message).toContain('10 bytes')
    expect(body.opened).toBe(0)
    await expect(collect(req)).rejects.toMatchObject({ status: 413 })
  })

  it('stop reading a body that turns out to be too large', async () => {
    const body = new FakeBody(['x'.repeat(6), 'x'.repeat(6), 'more'])
    await expect(post(body, undefined, { bodyLimit: 10 }).bytes()).rejects.toMatchObject({ status: 413 })
    expect(body.cancelled).toBe(true)
    expect(body.delivered).toBe(12)
  })

  it('accept exactly the limit', async () => {
    const options = { bodyLimit: 10, contentLength: 10 }
    await expect(post('x'.repeat(10), undefined, options).text()).resolves.toHaveLength(10)
    await expect(post(new FakeBody(['x'.repeat(10)]), undefined, options).text()).resolves.toHaveLength(10)
  })

  it.each([
    ['ARMATURE_BODY_TOO_LARGE', 413],
    ['ARMATURE_BODY_ABORTED', 400],
    ['ARMATURE_BODY_MALFORMED', 400],
    ['ARMATURE_BODY_TIMEOUT', 408],
    ['ARMATURE_BODY_FAILED', 500],
  ])('pass on %s as %i', async (code, status) => {
    const req = post(new FakeBody(['x'], { error: code }))
    await expect(req.text()).rejects.toMatchObject({ name: 'HttpError', code, status })
    await expect(req.json()).rejects.toMatchObject({ code })
    await expect(collect(req)).rejects.toMatchObject({ code })
  })

  it('may be left unheard: the client must not be able to end the process', async () => {
    const rejections: unknown[] = []
    const collectRejection = (error: unknown) => void rejections.push(error)
    process.on('unhandledRejection', collectRejection)
    for (const read of ['json', 'text', 'bytes', 'formData'] as const) {
      post(new FakeBody(['x'], { error: 'ARMATURE_BODY_ABORTED' }))[read]()
      post('{', 'text/plain')[read]()
      post('{', undefined, { bodyLimit: 0 })[read]()
    }
    await settle()
    process.off('unhandledRejection', collectRejection)
    expect(rejections).toEqual([])
  })

  it('name an error they do not know', async () => {
    const error = await rejection(post(new FakeBody([], { error: 'EWHAT' })).text())
    expect(error).toMatchObject({ code: 'ARMATURE_BODY_FAILED' })
  })
})

describe('the body as AsyncIterable', () => {
  it('gives Buffers', async () => {
    const req = post(new FakeBody(['ab', '', 'cd']))
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk)
    expect(chunks.every(Buffer.isBuffer)).toBe(true)
    expect(chunks.map(String)).toEqual(['ab', 'cd'])
  })

  it('gives what arrived with the head', async () => {
    expect(await collect(post('abc'))).toBe('abc')
    expect(await collect(post(''))).toBe('')
    expect(await collect(post(undefined))).toBe('')
  })

  it('is read once, whether it had arrived or not', async () => {
    for (const req of [post('abc'), post(new FakeBody(['abc']))]) {
      await collect(req)
      const used = { name: 'ArmatureError', code: 'ARMATURE_BODY_USED' }
      await expect(req.text()).rejects.toMatchObject(used)
      await expect(req.json()).rejects.toMatchObject(used)
      await expect(req.bytes()).rejects.toMatchObject(used)
      await expect(collect(req)).rejects.toMatchObject(used)
      await expect(collect(req.body as ReadableStream<Uint8Array>)).rejects.toMatchObject(used)
    }
  })

  it('is not used up by a body that is not there', async () => {
    const req = post(undefined)
    await collect(req)
    await expect(req.text()).resolves.toBe('')
  })

  it('grants credit as it is consumed', async () => {
    const window = 64 * 1024
    const body = new FakeBody([Buffer.alloc(window), Buffer.alloc(window), Buffer.alloc(10)], 'open')
    const chunks = post(body)[Symbol.asyncIterator]()
    expect((await chunks.next()).value).toHaveLength(window)
    await settle()
    expect(body.granted).toBe(2 * window)
    expect(body.delivered).toBe(2 * window)
    await settle()
    expect(body.delivered).toBe(2 * window)
    expect((await chunks.next()).value).toHaveLength(window)
    expect((await chunks.next()).value).toHaveLength(10)
    body.finish()
    expect(await chunks.next()).toEqual({ done: true, value: undefined })
    expect(await chunks.next()).toEqual({ done: true, value: undefined })
  })

  it('answers reads in order, also when they do not wait for each other', async () => {
    const body = new FakeBody([], 'open')
    const chunks = post(body)[Symbol.asyncIterator]()
    const reads = [chunks.next(), chunks.next(), chunks.next()]
    await settle()
    for (const piece of ['1', '2']) body.push(piece)
    body.finish()
    const values = (await Promise.all(reads)).map(({ value }) => value?.toString())
    expect(values).toEqual(['1', '2', undefined])
  })

  it('gives up the rest when the loop is left', async () => {
    const body = new FakeBody(['1', '2', '3'], 'open')
    const req = post(body)
    for await (const chunk of req) if (chunk.toString() === '2') break
    expect(body.cancelled).toBe(true)
    await expect(req.text()).rejects.toMatchObject({ code: 'ARMATURE_BODY_USED' })
  })

  it('does not cancel a body that has ended', async () => {
    const body = new FakeBody(['1'])
    const chunks = post(body)[Symbol.asyncIterator]()
    await chunks.next()
    await settle()
    await chunks.return?.()
    expect(body.cancelled).toBe(false)
  })

  it('delivers what arrived before the error', async () => {
    const chunks = post(new FakeBody(['1'], { error: 'ARMATURE_BODY_ABORTED' }))[Symbol.asyncIterator]()
    expect((await chunks.next()).value?.toString()).toBe('1')
    await expect(chunks.next()).rejects.toMatchObject({ code: 'ARMATURE_BODY_ABORTED' })
  })

  it('enforces the limit', async () => {
    const body = new FakeBody(['x'.repeat(6), 'x'.repeat(6)], 'open')
    await expect(collect(post(body, undefined, { bodyLimit: 10 }))).rejects.toMatchObject({ status: 413 })
    expect(body.cancelled).toBe(true)
  })

  it('gives what was buffered before', async () => {
    const req = post(new FakeBody(['ab', 'cd']))
    await req.text()
    expect(await collect(req)).toBe('abcd')
    expect(await collect(req)).toBe('abcd')
    expect(await req.text()).toBe('abcd')
  })

  it('waits for a buffered reader that is still reading', async () => {
    const req = post(new FakeBody(['ab', 'cd']))
    const [text, chunks] = await Promise.all([req.text(), collect(req)])
    expect([text, chunks]).toEqual(['abcd', 'abcd'])
  })
})

describe('body', () => {
  it('is null without a body', () => {
    expect(post(undefined).body).toBeNull()
  })

  it('is a byte stream, made once', async () => {
    const req = post(new FakeBody(['ab', 'cd']))
    expect(req.body).toBeInstanceOf(ReadableStream)
    expect(req.body).toBe(req.body)
    expect(await collect(req.body as ReadableStream<Uint8Array>)).toBe('abcd')
  })

  it('does not use the body up before it is read', async () => {
    const req = post('{"a":1}')
    expect(req.body).not.toBeNull()
    await settle()
    await expect(req.json()).resolves.toEqual({ a: 1 })
    expect(await collect(req.body as ReadableStream<Uint8Array>)).toBe('{"a":1}')
  })

  it('never takes away memory that others use', async () => {
    // Small Buffers share one ArrayBuffer, and a byte stream detaches what it is given.
    const req = post(Buffer.from('abc'))
    const bytes = await req.bytes()
    await collect(req.body as ReadableStream<Uint8Array>)
    expect(bytes.toString()).toBe('abc')
    const whole = Buffer.alloc(70_000, 'x')
    const large = post(whole)
    const kept = await large.bytes()
    await collect(large.body as ReadableStream<Uint8Array>)
    expect(kept).toHaveLength(70_000)
  })

  it('supports bring-your-own-buffer readers', async () => {
    const req = post(new FakeBody(['abcd']))
    const reader = (req.body as ReadableStream<Uint8Array>).getReader({ mode: 'byob' })
    const first = await reader.read(new Uint8Array(3))
    const second = await reader.read(new Uint8Array(3))
    const last = await reader.read(new Uint8Array(3))
    expect(Buffer.from(first.value as Uint8Array).toString()).toBe('abc')
    expect(Buffer.from(second.value as Uint8Array).toString()).toBe('d')
    expect(last.done).toBe(true)
  })

  it('fails as the body fails', async () => {
    const req = post(new FakeBody(['x'], { error: 'ARMATURE_BODY_TIMEOUT' }))
    const failed = collect(req.body as ReadableStream<Uint8Array>)
    await expect(failed).rejects.toMatchObject({ status: 408, code: 'ARMATURE_BODY_TIMEOUT' })
  })

  it('gives up the rest when it is cancelled', async () => {
    const body = new FakeBody(['1', '2'], 'open')
    const reader = (post(body).body as ReadableStream<Uint8Array>).getReader()
    await reader.read()
    await reader.cancel()
    expect(body.cancelled).toBe(true)
  })

  it('is used up when it is cancelled unread', async () => {
    const req = post('abc')
    await req.body?.cancel()
    await expect(req.text()).rejects.toMatchObject({ code: 'ARMATURE_BODY_USED' })
    const buffered = post('abc')
    await buffered.text()
    await buffered.body?.cancel()
    await expect(buffered.text()).resolves.toBe('abc')
  })

  it('is read piece by piece, not ahead', async () => {
    const body = new FakeBody([Buffer.alloc(64 * 1024), Buffer.alloc(64 * 1024)], 'open')
    const reader = (post(body).body as ReadableStream<Uint8Array>).getReader()
    await settle()
    expect(body.opened).toBe(0)
    await reader.read()
    await settle()
    expect(body.granted).toBe(128 * 1024)
  })
})

it('a request without body never opens one', async () => {
  const req = new HttpRequest(new FakeSource(), [])
  expect((await req.bytes()).length).toBe(0)
  expect(await collect(req)).toBe('')
})
