import { Readable } from 'node:stream'
import { inspect } from 'node:util'
import { describe, expect, it, vi } from 'vitest'
import { BodyKind } from '../../src/bridge/types.js'
import {
  type FrozenResponse,
  freezeForNative,
  HttpResponse,
  isHttpResponse,
  nativeResponse,
} from '../../src/response.js'
import { fakeRequest, settle, thrown } from './helper.js'

const type = (res: HttpResponse) => res.headers.get('content-type')
const TEXT = 'text/plain; charset=utf-8'
const PROBLEM = 'application/problem+json'

describe('static methods', () => {
  it('ok, created, accepted, noContent', () => {
    expect(HttpResponse.ok('hi')).toMatchObject({ statusCode: 200, value: 'hi', isStream: false })
    expect(HttpResponse.ok()).toMatchObject({ statusCode: 200, value: null, _kind: BodyKind.Empty })
    expect(type(HttpResponse.ok())).toBeUndefined()
    expect(HttpResponse.created({ id: 1 })).toMatchObject({ statusCode: 201, value: { id: 1 } })
    expect(HttpResponse.accepted()).toMatchObject({ statusCode: 202, value: null })
    expect(HttpResponse.noContent()).toMatchObject({ statusCode: 204, value: null })
  })

  it('created says where', () => {
    const location = (at: string | URL) =>
      HttpResponse.created(null, { location: at }).headers.get('location')
    expect(location('/users/ä')).toBe('/users/%C3%A4')
    expect(location(new URL('http://a.example/b c'))).toBe('http://a.example/b%20c')
    expect(HttpResponse.created(null, {}).headers.has('location')).toBe(false)
  })

  it('json keeps the value', () => {
    const value = { a: 1 }
    const res = HttpResponse.json(value)
    expect(res.value).toBe(value)
    expect(res).toMatchObject({
      statusCode: 200,
      _kind: BodyKind.Json,
      _type: 'application/json',
      _headers: null,
    })
    expect(HttpResponse.json(null)).toMatchObject({ _kind: BodyKind.Json, value: null })
    expect(HttpResponse.json('x')).toMatchObject({ _kind: BodyKind.Json, value: 'x' })
  })

  it('json takes status and headers', () => {
    const headers = { 'X-A': 1, 'content-type': 'application/hal+json' }
    const res = HttpResponse.json([], { status: 207, headers })
    expect(res.statusCode).toBe(207)
    expect([...res.headers]).toEqual([
      ['content-type', 'application/hal+json'],
      ['x-a', '1'],
    ])
  })

  it.each([undefined, () => 1, Symbol('s'), 1n])('json refuses %s', (value) => {
    const code = 'ARMATURE_RESPONSE_TYPE'
    expect(thrown(() => HttpResponse.json(value))).toMatchObject({ constructor: TypeError, code })
    expect(thrown(() => HttpResponse.ok().json(value))).toMatchObject({ code })
  })

  it('text, html, bytes', () => {
    expect(HttpResponse.text('ä')).toMatchObject({ value: 'ä', _type: TEXT, _kind: BodyKind.Text })
    expect(type(HttpResponse.html('<p>'))).toBe('text/html; charset=utf-8')
    expect(HttpResponse.bytes(Buffer.from('a'))).toMatchObject({ _type: 'application/octet-stream' })
    expect(type(HttpResponse.bytes(new Uint8Array(1), 'image/png'))).toBe('image/png')
    expect(HttpResponse.bytes(new Uint16Array([1, 2])).value).toEqual(new Uint8Array([1, 0, 2, 0]))
    expect(HttpResponse.bytes(new ArrayBuffer(3)).value).toEqual(new Uint8Array(3))
    const code = 'ARMATURE_RESPONSE_TYPE'
    expect(thrown(() => HttpResponse.text(1 as unknown as string))).toMatchObject({ code })
    expect(thrown(() => HttpResponse.html(null as unknown as string))).toMatchObject({ code })
    expect(thrown(() => HttpResponse.bytes('a' as unknown as Uint8Array))).toMatchObject({ code })
  })

  it('stream', () => {
    const sources = [
      new ReadableStream(),
      Readable.from(['a']),
      (async function* () {})(),
      (function* () {})(),
      ['a', 'b'],
      async () => {},
    ]
    for (const source of sources) {
      const res = HttpResponse.stream(source)
      expect(res).toMatchObject({ isStream: true, _type: 'application/octet-stream' })
      expect(res.value).toBe(source)
    }
    expect(type(HttpResponse.stream(['a'], { type: 'text/csv' }))).toBe('text/csv')
    for (const source of ['text', Buffer.from('a'), {}, null, 1]) {
      const error = thrown(() => HttpResponse.stream(source as unknown as string[]))
      expect(error).toMatchObject({ constructor: TypeError, code: 'ARMATURE_RESPONSE_TYPE' })
    }
  })

  it('a Node stream that fails before it is read does not end the process', async () => {
    const source = new Readable({ read() {} })
    HttpResponse.stream(source)
    source.destroy(new Error('ENOENT'))
    await settle()
    expect(source.errored).toMatchObject({ message: 'ENOENT' })
  })

  it('sse is a stream of its source', () => {
    const events = ['a']
    const res = HttpResponse.sse(events)
    expect(res).toMatchObject({ statusCode: 200, isStream: true, value: events })
    expect(thrown(() => res.clone())).toMatchObject({ code: 'ARMATURE_RESPONSE_REUSED' })
  })

  it('a file is a path until Rust sends it', () => {
    const res = HttpResponse.file('a.txt', { root: 'public', type: 'text/x' })
    expect(res).toMatchObject({ statusCode: 200, isStream: false, value: 'a.txt' })
    expect(res.clone().value).toBe('a.txt')
    expect(HttpResponse.file('a').body('text').headers.get('content-type')).toBe('text/plain; charset=utf-8')
    for (const wrong of [() => HttpResponse.file(''), () => HttpResponse.file('a', { root: '' })])
      expect(thrown(wrong)).toMatchObject({ code: 'ARMATURE_OPTION_INVALID' })
  })

  it('status', () => {
    expect(HttpResponse.status(418)).toMatchObject({ statusCode: 418, value: null })
  })
})

describe('redirect', () => {
  const location = (url: string | URL) => HttpResponse.redirect(url).headers.get('location')

  it('is 302 by default', () => {
    expect(HttpResponse.redirect('/a')).toMatchObject({ statusCode: 302, value: null })
    for (const status of [301, 302, 303, 307, 308] as const) {
      expect(HttpResponse.redirect('/a', status).statusCode).toBe(status)
    }
  })

  it('escapes what a URL cannot hold, and nothing else', () => {
    expect(location('/ä?q=日 本#%41')).toBe('/%C3%A4?q=%E6%97%A5%20%E6%9C%AC#%41')
    expect(location('https://example.com/a?b=c&d=%20')).toBe('https://example.com/a?b=c&d=%20')
    expect(location('/😀')).toBe('/%F0%9F%98%80')
    expect(location('/\ud83d')).toBe('/%EF%BF%BD')
    expect(location(new URL('https://bücher.example/'))).toBe('https://xn--bcher-kva.example/')
  })

  it.each(['', '/a\r\nset-cookie: b', '/a\n', '/\0', '/\t'])('refuses %j', (url) => {
    const error = thrown(() => HttpResponse.redirect(url))
    expect(error).toMatchObject({ constructor: TypeError, code: 'ARMATURE_REDIRECT_INVALID' })
  })

  it.each([200, 300, 304, 305, 400])('refuses status %i', (status) => {
    const error = thrown(() => HttpResponse.redirect('/a', status as 302))
    expect(error).toMatchObject({ code: 'ARMATURE_REDIRECT_INVALID' })
  })
})

describe('4xx and 5xx helpers', () => {
  it.each([
    ['badRequest', 400, 'Bad Request'],
    ['unauthorized', 401, 'Unauthorized'],
    ['forbidden', 403, 'Forbidden'],
    ['notFound', 404, 'Not Found'],
    ['methodNotAllowed', 405, 'Method Not Allowed'],
    ['conflict', 409, 'Conflict'],
    ['unprocessable', 422, 'Unprocessable Entity'],
    ['tooManyRequests', 429, 'Too Many Requests'],
    ['internalError', 500, 'Internal Server Error'],
    ['serviceUnavailable', 503, 'Service Unavailable'],
  ] as const)('%s is a problem of status %i', (name, status, title) => {
    const res = HttpResponse[name]('because')
    expect(res.statusCode).toBe(status)
    expect(type(res)).toBe(PROBLEM)
    expect(res.value).toEqual({ title, status, detail: 'because' })
    expect(HttpResponse[name]().value).toEqual({ title, status })
    const other = HttpResponse[name]({ errors: ['a'] })
    expect(other).toMatchObject({ statusCode: status, value: { errors: ['a'] }, _type: 'application/json' })
    expect(HttpResponse[name](null)).toMatchObject({ statusCode: status, value: null, _kind: BodyKind.Empty })
  })

  it('say when to try again', () => {
    const at = new Date(Date.UTC(2030, 0, 1))
    expect(HttpResponse.tooManyRequests('x', { retryAfter: 30 }).headers.get('retry-after')).toBe('30')
    expect(HttpResponse.serviceUnavailable('x', { retryAfter: at }).headers.get('retry-after')).toBe(
      'Tue, 01 Jan 2030 00:00:00 GMT',
    )
    expect(HttpResponse.tooManyRequests('x', {}).headers.has('retry-after')).toBe(false)
  })
})

describe('status', () => {
  it('is 200 to 599', () => {
    expect(HttpResponse.ok().status(299).statusCode).toBe(299)
  })

  it.each([100, 101, 199, 600, 200.5, Number.NaN, '200', undefined])('refuses %s', (status) => {
    const expected = { constructor: TypeError, code: 'ARMATURE_STATUS_INVALID' }
    expect(thrown(() => HttpResponse.ok().status(status as number))).toMatchObject(expected)
    expect(thrown(() => HttpResponse.status(status as number))).toMatchObject(expected)
    if (status !== undefined) {
      expect(thrown(() => HttpResponse.json(1, { status: status as number }))).toMatchObject(expected)
    }
  })
})

describe('headers', () => {
  it('are set, replaced and appended', () => {
    const res = HttpResponse.ok()
    expect(res.header('X-A', 'old').header('x-b', 2).header('x-a', 'new').append('X-B', 3)).toBe(res)
    expect(res._headers).toEqual(['x-b', '2', 'x-a', 'new', 'x-b', '3'])
    expect(res.header('x-b', '4')._headers).toEqual(['x-a', 'new', 'x-b', '4'])
  })

  it('keep the content type apart', () => {
    const res = HttpResponse.json({}).header('Content-Type', 'application/ld+json')
    expect(res).toMatchObject({ _type: 'application/ld+json', _headers: null })
    expect(res.append('content-type', 'a/b')._type).toBe('a/b')
    expect(res.type('c/d')._type).toBe('c/d')
  })

  it('are checked when they are set', () => {
    const code = 'ARMATURE_HEADER_INVALID'
    for (const set of ['header', 'append'] as const) {
      expect(thrown(() => HttpResponse.ok()[set]('a b', 'c'))).toMatchObject({ code })
      expect(thrown(() => HttpResponse.ok()[set]('a', 'b\r\nc: d'))).toMatchObject({ code })
      expect(thrown(() => HttpResponse.ok()[set]('Transfer-Encoding', 'chunked'))).toMatchObject({ code })
    }
    expect(thrown(() => HttpResponse.ok().type('a\nb'))).toMatchObject({ code })
    expect(thrown(() => HttpResponse.bytes(Buffer.alloc(0), 'a\nb'))).toMatchObject({ code })
    expect(thrown(() => HttpResponse.stream([], { type: 'a\nb' }))).toMatchObject({ code })
    expect(HttpResponse.ok().header('content-length', 5)._headers).toEqual(['content-length', '5'])
  })
})

describe('body', () => {
  const bodyType = (value: unknown) => type(HttpResponse.ok().body(value))

  it('brings its content type', () => {
    expect(bodyType('a')).toBe(TEXT)
    expect(bodyType({})).toBe('application/json')
    expect(bodyType(Buffer.from('a'))).toBe('application/octet-stream')
    expect(bodyType(null)).toBeUndefined()
    expect(bodyType(new URLSearchParams('a=1'))).toBe('application/x-www-form-urlencoded;charset=UTF-8')
    expect(bodyType(new Blob(['a'], { type: 'text/csv' }))).toBe('text/csv')
  })

  it('replaces the type of the former body', () => {
    expect(type(HttpResponse.json({}).body('text'))).toBe(TEXT)
    expect(type(HttpResponse.text('a').body(Buffer.from('a')).body({}))).toBe('application/json')
    expect(type(HttpResponse.text('a').body(null))).toBeUndefined()
  })

  it('keeps a type that was chosen', () => {
    expect(type(HttpResponse.ok().type('text/csv').body('a,b'))).toBe('text/csv')
    expect(type(HttpResponse.html('<a>').body('<b>'))).toBe('text/html; charset=utf-8')
    expect(type(HttpResponse.ok('a,b').type('text/csv').body('c,d'))).toBe('text/csv')
  })

  it('json replaces body and type, except for a type of its family', () => {
    expect(HttpResponse.ok('a').json('b')).toMatchObject({
      _kind: BodyKind.Json,
      value: 'b',
      _type: 'application/json',
    })
    expect(type(HttpResponse.html('a').json({}))).toBe('application/json')
    expect(type(HttpResponse.ok().type('application/vnd.api+json').json({}))).toBe('application/vnd.api+json')
    expect(type(HttpResponse.badRequest('a').json({}))).toBe(PROBLEM)
    expect(type(HttpResponse.ok().type('text/json-seq').json({}))).toBe('application/json')
  })

  it.each([
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    ['a bigint', 1n],
    ['a promise', Promise.resolve(1)],
    ['an error', new Error('e')],
    ['a response', HttpResponse.ok()],
    ['a web Response', new Response('a')],
  ])('refuses %s', (_, value) => {
    const expected = { constructor: TypeError, code: 'ARMATURE_RESPONSE_TYPE' }
    expect(thrown(() => HttpResponse.ok().body(value))).toMatchObject(expected)
    expect(thrown(() => HttpResponse.ok(value))).toMatchObject(expected)
  })

  it('takes data with odd members for data', () => {
    // biome-ignore lint/suspicious/noThenProperty: data may have any name
    for (const value of [{ then: 'next' }, { next: 1 }, Object.create(null), new Date(0), [1]]) {
      expect(HttpResponse.ok(value)._kind).toBe(BodyKind.Json)
    }
  })
})

describe('cookies', () => {
  const send = (res: HttpResponse, secure = false, secrets: string[] = []) => {
    res.finish(fakeRequest({ secure }, secrets))
    return res.headers.getAll('set-cookie')
  }

  it('are finished with the request', () => {
    const res = HttpResponse.ok().cookie('a', '1').cookie('b', '2', { maxAge: 5 })
    expect(res.headers.has('set-cookie')).toBe(false)
    expect(send(res)).toEqual([
      'a=1; Path=/; HttpOnly; SameSite=Lax',
      'b=2; Max-Age=5; Path=/; HttpOnly; SameSite=Lax',
    ])
    expect(send(HttpResponse.ok().cookie('a', '1'), true)).toEqual([
      'a=1; Path=/; HttpOnly; Secure; SameSite=Lax',
    ])
  })

  it('are checked when they are set, and not changed afterwards', () => {
    expect(thrown(() => HttpResponse.ok().cookie('a b', '1'))).toMatchObject({
      code: 'ARMATURE_COOKIE_INVALID',
    })
    const options = { path: '/a' }
    const res = HttpResponse.ok().cookie('a', '1', options)
    options.path = '; evil'
    expect(send(res)).toEqual(['a=1; Path=/a; HttpOnly; SameSite=Lax'])
  })

  it('are cleared', () => {
    expect(send(HttpResponse.ok().clearCookie('a', { path: '/x', domain: 'example.com' }))).toEqual([
      'a=; Max-Age=0; Domain=example.com; Path=/x; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax',
    ])
  })

  it('are signed with the current secret', () => {
    const [cookie] = send(HttpResponse.ok().cookie('a', 'v', { signed: true }), false, ['s1', 's2'])
    expect(cookie).toMatch(/^a=v\.[\w-]{43}; Path/)
    expect(thrown(() => send(HttpResponse.ok().cookie('a', 'v', { signed: true })))).toMatchObject({
      code: 'ARMATURE_SECRETS_MISSING',
    })
  })

  it('replace and join set-cookie headers like others', () => {
    const res = HttpResponse.ok().append('set-cookie', 'raw=1').cookie('a', '1')
    expect(send(res)).toEqual(['raw=1', 'a=1; Path=/; HttpOnly; SameSite=Lax'])
    expect(send(HttpResponse.ok().cookie('a', '1').header('set-cookie', 'raw=1'))).toEqual(['raw=1'])
  })
})

describe('sending', () => {
  it('is done once', () => {
    const res = HttpResponse.ok()
    res.markUsed()
    const error = thrown(() => res.markUsed())
    expect(error).toMatchObject({ name: 'ArmatureError', code: 'ARMATURE_RESPONSE_REUSED' })
    expect(() => res.clone().markUsed()).not.toThrow()
  })

  it.each([204, 205, 304])('has no body with status %i', async (status) => {
    const cancel = vi.fn()
    const source = new ReadableStream({ cancel })
    const res = HttpResponse.stream(source).status(status).header('x-a', '1')
    res.finish(fakeRequest())
    expect(res).toMatchObject({ _kind: BodyKind.Empty, value: null, statusCode: status })
    expect(res.headers.get('x-a')).toBe('1')
    expect(cancel).toHaveBeenCalledOnce()
    const json = HttpResponse.json({}).status(status).type('application/hal+json')
    json.finish(fakeRequest())
    expect(json._kind).toBe(BodyKind.Empty)
    expect(type(json)).toBe(status === 304 ? 'application/hal+json' : undefined)
  })

  it('releases a stream that cannot be sent', () => {
    const cancel = vi.fn()
    const res = HttpResponse.stream(new ReadableStream({ cancel })).cookie('a', '1', { signed: true })
    expect(thrown(() => res.finish(fakeRequest()))).toMatchObject({ code: 'ARMATURE_SECRETS_MISSING' })
    expect(cancel).toHaveBeenCalledOnce()
  })

  it('changes nothing else', () => {
    const res = HttpResponse.text('a')
    res.finish(fakeRequest())
    expect(res).toMatchObject({ _kind: BodyKind.Text, value: 'a', _type: TEXT })
  })
})

describe('clone', () => {
  it('copies everything', () => {
    const res = HttpResponse.text('a').status(201).header('x-a', '1').cookie('c', '1')
    const copy = res.clone()
    copy.body('b').status(202).header('x-a', '2').cookie('d', '2')
    expect(res).toMatchObject({ statusCode: 201, value: 'a', _headers: ['x-a', '1'] })
    expect(res._cookies).toHaveLength(1)
    expect(copy).toMatchObject({ statusCode: 202, value: 'b', _headers: ['x-a', '2'], _type: TEXT })
    expect(copy._cookies).toHaveLength(2)
  })

  it('refuses what can be read only once', () => {
    expect(thrown(() => HttpResponse.stream(['a']).clone())).toMatchObject({
      code: 'ARMATURE_RESPONSE_REUSED',
    })
    expect(HttpResponse.stream(async () => {}).clone().isStream).toBe(true)
  })
})

describe('the response of a native handler', () => {
  it('takes headers and cookies', () => {
    const res = nativeResponse().header('x-a', '1').append('x-a', '2').type('text/css').cookie('c', '1')
    res.finish(fakeRequest())
    expect([...res.headers]).toEqual([
      ['content-type', 'text/css'],
      ['x-a', '1, 2'],
      ['set-cookie', 'c=1; Path=/; HttpOnly; SameSite=Lax'],
    ])
    expect(res._kind).toBe(BodyKind.Native)
    expect(res.headers.delete('x-a')).toBe(true)
    res.markUsed()
    expect(inspect(res)).toContain('native: true')
  })

  it('keeps status and body to itself', () => {
    const uses: ((res: HttpResponse) => unknown)[] = [
      (res) => res.statusCode,
      (res) => res.value,
      (res) => res.isStream,
      (res) => res.status(200),
      (res) => res.body('a'),
      (res) => res.json({}),
      (res) => res.clone(),
    ]
    for (const use of uses) {
      expect(thrown(() => use(nativeResponse()))).toMatchObject({ code: 'ARMATURE_NATIVE_RESPONSE_READ' })
    }
  })
})

describe('freezeForNative', () => {
  const text = (frozen: FrozenResponse) => frozen.body && Buffer.from(frozen.body).toString()

  it('has everything that Rust sends', () => {
    const frozen = freezeForNative(
      HttpResponse.json({ a: 'ä' }).status(201).append('x-a', '1').append('x-a', '2'),
    )
    expect(frozen).toMatchObject({
      status: 201,
      headers: [
        ['content-type', 'application/json'],
        ['x-a', '1'],
        ['x-a', '2'],
      ],
    })
    expect(text(frozen)).toBe('{"a":"ä"}')
    expect(text(freezeForNative(HttpResponse.text('ä')))).toBe('ä')
    expect(freezeForNative(HttpResponse.ok())).toEqual({ status: 200, headers: [], body: null })
    expect(freezeForNative(HttpResponse.text('a').status(304)).body).toBeNull()
  })

  it('copies bytes and uses nothing up', () => {
    const bytes = Buffer.from('abc')
    const res = HttpResponse.bytes(bytes)
    const frozen = freezeForNative(res)
    bytes.fill('x')
    expect(text(frozen)).toBe('abc')
    expect(() => res.markUsed()).not.toThrow()
  })

  it('refuses what is not the same for everybody', () => {
    const code = 'ARMATURE_RESPONSE_TYPE'
    expect(thrown(() => freezeForNative(HttpResponse.stream(['a'])))).toMatchObject({ code })
    expect(thrown(() => freezeForNative(nativeResponse()))).toMatchObject({ code })
    expect(thrown(() => freezeForNative(HttpResponse.ok().cookie('a', '1')))).toMatchObject({
      code: 'ARMATURE_COOKIE_INVALID',
    })
  })

  it('throws what JSON throws', () => {
    const cycle: Record<string, unknown> = {}
    cycle.self = cycle
    expect(thrown(() => freezeForNative(HttpResponse.json(cycle)))).toBeInstanceOf(TypeError)
  })
})

it('is recognised by its brand', () => {
  expect(isHttpResponse(HttpResponse.ok())).toBe(true)
  expect(isHttpResponse({ [Symbol.for('armature.response')]: true })).toBe(true)
  expect(isHttpResponse({})).toBe(false)
  expect(isHttpResponse(null)).toBe(false)
  expect(isHttpResponse('x')).toBe(false)
})

it('prints a summary', () => {
  const text = inspect(HttpResponse.json({ a: 1 }).header('x-a', '1'))
  expect(text).toMatch(/^HttpResponse \{/)
  for (const part of ['status: 200', "'x-a': '1'", 'a: 1']) expect(text).toContain(part)
})

it('keeps one shape', () => {
  const keys = (res: HttpResponse) => Object.keys(res)
  const expected = keys(HttpResponse.ok())
  for (const res of [
    HttpResponse.json({}),
    HttpResponse.stream(['a']),
    HttpResponse.notFound('x'),
    nativeResponse(),
    HttpResponse.text('a').header('a', 'b').cookie('c', 'd').clone(),
  ]) {
    expect(keys(res)).toEqual(expected)
  }
})
