import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { key } from '../../src/data.js'
import type { ScopeRuntime } from '../../src/plan.js'
import { HttpRequest } from '../../src/request.js'
import { HttpResponse } from '../../src/response.js'
import { FakeSource, fakeRequest, thrown } from './helper.js'

describe('where the request goes', () => {
  it('is told by method, path, route and url', () => {
    const req = fakeRequest({ method: 'PUT', path: '/users/%C3%A4', search: 'a=1&b', pattern: '/users/:id' })
    expect(req).toMatchObject({
      method: 'PUT',
      path: '/users/%C3%A4',
      route: '/users/:id',
      url: 'http://example.com/users/%C3%A4?a=1&b',
      host: 'example.com',
      scheme: 'http',
      secure: false,
      protocol: 'HTTP/1.1',
    })
  })

  it('is https when secure', () => {
    const req = fakeRequest({ secure: true, host: 'example.com:8443', path: '/', protocol: 'HTTP/2' })
    expect(req).toMatchObject({
      secure: true,
      scheme: 'https',
      url: 'https://example.com:8443/',
      protocol: 'HTTP/2',
    })
  })

  it('has a valid url without Host and for OPTIONS *', () => {
    expect(fakeRequest({ host: '', path: '/a' }).url).toBe('http://localhost/a')
    expect(fakeRequest({ method: 'OPTIONS', path: '*' }).url).toBe('http://example.com')
  })
})

it('tells who asks', () => {
  expect(fakeRequest({ id: 'abc' })).toMatchObject({
    ip: '203.0.113.9',
    remoteAddress: '10.0.0.1',
    remotePort: 4711,
    id: 'abc',
  })
})

describe('parameters', () => {
  const req = fakeRequest({ params: { id: '7', name: 'ä/b' }, pattern: '/users/:id/:name' })

  it('are read by name', () => {
    expect(req.param('id')).toBe('7')
    expect(req.param('name')).toBe('ä/b')
    expect(req.params).toEqual({ id: '7', name: 'ä/b' })
    expect(req.params).toBe(req.params)
    expect(Object.isFrozen(req.params)).toBe(true)
    expect(JSON.stringify(req.params)).toBe('{"id":"7","name":"ä/b"}')
  })

  it('must exist', () => {
    const error = thrown(() => req.param('slug'))
    expect(error).toMatchObject({ name: 'ArmatureError', code: 'ARMATURE_PARAM_UNKNOWN' })
    expect(error.message).toBe("route '/users/:id/:name' has no parameter 'slug'")
    expect(thrown(() => req.param('toString'))).toMatchObject({ code: 'ARMATURE_PARAM_UNKNOWN' })
    expect(req.params.toString).toBeUndefined()
  })
})

describe('the query', () => {
  const req = fakeRequest({ search: 'a=1&b=x%20y&a=2&c=%zz&d' })

  it('is a URLSearchParams, made once', () => {
    expect(req.query).toBeInstanceOf(URLSearchParams)
    expect(req.query).toBe(req.query)
    expect(req.query.get('b')).toBe('x y')
    expect(req.query.getAll('a')).toEqual(['1', '2'])
    expect(req.query.size).toBe(5)
    expect([...req.query.keys()]).toEqual(['a', 'b', 'a', 'c', 'd'])
    expect(new URLSearchParams(req.query).toString()).toBe('a=1&b=x+y&a=2&c=%25zz&d=')
  })

  it('gives single values', () => {
    expect(req.queryParam('a')).toBe('1')
    expect(req.queryParam('d')).toBe('')
    expect(req.queryParam('none')).toBeUndefined()
    expect(fakeRequest().queryParam('a')).toBeUndefined()
    expect([...fakeRequest().query]).toEqual([])
  })

  it('becomes JSON', () => {
    expect(JSON.parse(JSON.stringify(req.query))).toEqual({ a: ['1', '2'], b: 'x y', c: '%zz', d: '' })
    expect(JSON.stringify(fakeRequest({ search: '__proto__=1&a=1&a=2&a=3' }).query)).toBe(
      '{"__proto__":"1","a":["1","2","3"]}',
    )
  })

  it('keeps a question mark that is part of it', () => {
    expect([...fakeRequest({ search: '?a=1' }).query]).toEqual([['?a', '1']])
  })

  it('cannot be changed', () => {
    const { query } = req as unknown as { query: URLSearchParams }
    for (const change of [
      () => query.append('a', '1'),
      () => query.delete('a'),
      () => query.set('a', '1'),
      () => query.sort(),
    ]) {
      expect(thrown(change)).toMatchObject({ constructor: TypeError, code: 'ARMATURE_READ_ONLY' })
    }
  })
})

describe('headers', () => {
  const req = fakeRequest({
    headers: [
      ['accept', 'a'],
      ['x-a', '1'],
      ['x-a', '2'],
    ],
  })

  it('are read in any case', () => {
    expect(req.header('ACCEPT')).toBe('a')
    expect(req.header('X-a')).toBe('1, 2')
    expect(req.header('none')).toBeUndefined()
  })

  it('are a collection, made once', () => {
    expect(req.headers).toBe(req.headers)
    expect(req.headers.getAll('x-a')).toEqual(['1', '2'])
    expect(JSON.stringify(req.headers)).toBe('{"accept":"a","x-a":"1, 2"}')
  })
})

describe('cookies', () => {
  it('are read by name', () => {
    const req = fakeRequest({
      headers: [
        ['cookie', 'a=1'],
        ['cookie', 'b=%41; a=2'],
      ],
    })
    expect(req.cookie('a')).toBe('1')
    expect(req.cookie('b')).toBe('A')
    expect(req.cookie('none')).toBeUndefined()
    expect(req.cookies).toEqual({ a: '1', b: 'A' })
    expect(req.cookies).toBe(req.cookies)
    expect(fakeRequest().cookies).toEqual({})
  })

  it('are signed with the current secret and verified with all', () => {
    const value = 'user 42; "x"'
    const res = HttpResponse.noContent().cookie('sid', value, { signed: true })
    res.finish(fakeRequest({}, ['current', 'older']))
    const sent = res.headers.get('set-cookie')?.split(';')[0] ?? ''
    const read = (cookie: string, secrets: string[]) =>
      fakeRequest({ headers: [['cookie', cookie]] }, secrets).signedCookie('sid')
    expect(read(sent, ['current'])).toBe(value)
    expect(read(sent, ['new', 'current'])).toBe(value)
    expect(read(sent, ['older'])).toBeUndefined()
    expect(read(sent.replace('42', '43'), ['current'])).toBeUndefined()
    expect(read('sid=plain', ['current'])).toBeUndefined()
    expect(read('', ['current'])).toBeUndefined()
  })

  it('need secrets to be signed', () => {
    expect(thrown(() => fakeRequest().signedCookie('a'))).toMatchObject({ code: 'ARMATURE_SECRETS_MISSING' })
  })
})

describe('data', () => {
  class Database {
    name = 'db'
  }
  class Mail {}
  const flag = key<undefined>('flag')
  const app: ScopeRuntime = {
    parent: null,
    onError: [],
    data: new Map<unknown, unknown>([
      [Database, new Database()],
      [flag, undefined],
    ]),
  }
  const admin: ScopeRuntime = { parent: app, onError: [], data: new Map([[Mail, 'mail']]) }

  it('is found in the nearest scope', () => {
    expect(fakeRequest({ scope: admin }).data(Mail)).toBe('mail')
    expect(fakeRequest({ scope: admin }).data(Database).name).toBe('db')
    const shadow = new Map([[Database, { name: 'own' }]])
    expect(fakeRequest({ scope: { parent: admin, onError: [], data: shadow } }).data(Database).name).toBe(
      'own',
    )
    expect(fakeRequest({ scope: admin }).data(flag)).toBeUndefined()
  })

  it('must be declared', () => {
    const error = thrown(() => fakeRequest({ scope: app }).data(Mail))
    expect(error).toMatchObject({ code: 'ARMATURE_DATA_MISSING' })
    expect(error.message).toContain("'Mail'")
    expect(thrown(() => fakeRequest().data(flag)).message).toContain("'flag'")
  })
})

describe('locals', () => {
  it('start empty, one object per request', () => {
    const req = fakeRequest() as HttpRequest<Record<string, string>, { user?: string; toString?: unknown }>
    expect(Object.keys(req.locals)).toEqual([])
    expect(req.locals.toString).toBeUndefined()
    req.locals.user = 'a'
    expect(req.locals.user).toBe('a')
    expect((fakeRequest().locals as { user?: string }).user).toBeUndefined()
  })
})

describe('signal', () => {
  it('is made when it is first read', () => {
    let listeners = 0
    const source = new FakeSource()
    const onAbort = source.onAbort.bind(source)
    source.onAbort = (listener) => {
      listeners++
      onAbort(listener)
    }
    const req = new HttpRequest(source, [])
    expect(req._abortReason).toBeUndefined()
    expect(listeners).toBe(0)
    expect(req.signal).toBe(req.signal)
    expect(req.signal.aborted).toBe(false)
    expect(listeners).toBe(1)
  })

  it.each([
    ['client-gone', 'ARMATURE_CLIENT_GONE'],
    ['deadline', 'ARMATURE_HANDLER_TIMEOUT'],
    ['shutdown', 'ARMATURE_SERVER_CLOSED'],
  ] as const)('is aborted by %s', (reason, code) => {
    const source = new FakeSource()
    const req = new HttpRequest(source, [])
    let heard: unknown
    req.signal.addEventListener('abort', () => {
      heard = req.signal.reason
    })
    source.abort(reason)
    expect(req.signal.aborted).toBe(true)
    expect(heard).toBe(req.signal.reason)
    expect(req.signal.reason).toMatchObject({ name: 'AbortError', code, cause: reason })
    expect(req.signal.reason).toBeInstanceOf(Error)
    expect(req._abortReason).toBe(req.signal.reason)
    expect(thrown(() => req.signal.throwIfAborted()).code).toBe(code)
  })

  it('is aborted at once when it was too late', () => {
    const source = new FakeSource()
    source.abort('client-gone')
    expect(new HttpRequest(source, []).signal.aborted).toBe(true)
  })
})

describe('a request in a log', () => {
  const req = fakeRequest(
    {
      params: { id: '7' },
      path: '/users/7',
      headers: [
        ['authorization', 'Bearer secret'],
        ['cookie', 'sid=secret'],
        ['accept', 'text/html'],
      ],
    },
    ['secret'],
  )

  it('prints a summary without secrets', () => {
    const text = inspect(req)
    expect(text).toMatch(/^HttpRequest \{/)
    for (const part of [
      'GET',
      'http://example.com/users/7',
      '/users/:id',
      "id: '7'",
      'text/html',
      '203.0.113.9',
    ]) {
      expect(text).toContain(part)
    }
    expect(text).not.toContain('secret')
    expect(inspect({ req }, { depth: 0 })).toContain('HttpRequest')
  })

  it('becomes JSON without secrets', () => {
    expect(JSON.parse(JSON.stringify(req))).toEqual({
      id: 'req-1',
      method: 'GET',
      url: 'http://example.com/users/7',
      route: '/users/:id',
      params: { id: '7' },
      ip: '203.0.113.9',
      protocol: 'HTTP/1.1',
      headers: { authorization: '[redacted]', cookie: '[redacted]', accept: 'text/html' },
    })
    expect(Object.keys(req)).toEqual([])
  })
})

it('reads nothing before it is asked', () => {
  const source = new FakeSource({ headers: [['cookie', 'a=1']], body: 'x' })
  new HttpRequest(source, [])
  expect(source.reads).toEqual([])
})
