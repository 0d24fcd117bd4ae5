import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { checkHeaderName, checkHeaderValue, eachHeader, RequestHeaders } from '../../src/headers.js'
import { HttpResponse } from '../../src/response.js'
import { FakeSource, thrown } from './helper.js'

describe('header names', () => {
  it('are lower-cased tokens', () => {
    expect(checkHeaderName('X-Request-Id')).toBe('x-request-id')
    expect(checkHeaderName("!#$%&'*+-.^_`|~09az")).toBe("!#$%&'*+-.^_`|~09az")
  })

  it.each(['', 'a b', 'a:', 'a\r\n', 'ä', 'a\0', 'a(b)', undefined, 1])('refuse %j', (name) => {
    expect(thrown(() => checkHeaderName(name as string))).toMatchObject({
      constructor: TypeError,
      code: 'ARMATURE_HEADER_INVALID',
    })
  })

  it.each(['Connection', 'keep-alive', 'proxy-connection', 'trailer', 'Transfer-Encoding', 'upgrade'])(
    'leave %s to the server',
    (name) => {
      const error = thrown(() => checkHeaderName(name))
      expect(error.message).toBe(`header '${name}': this header is managed by the server`)
    },
  )
})

describe('header values', () => {
  it('are text or numbers, up to U+00FF, without surrounding blanks', () => {
    expect(checkHeaderValue('a', 'b c')).toBe('b c')
    expect(checkHeaderValue('a', 12)).toBe('12')
    expect(checkHeaderValue('a', ' \tb\tc \t')).toBe('b\tc')
    expect(checkHeaderValue('a', '   ')).toBe('')
    expect(checkHeaderValue('a', 'café')).toBe('café')
  })

  it.each(['a\r\nb: c', 'a\nb', 'a\rb', 'a\0b', 'a\x7f', '日本', undefined, null, true, {}])(
    'refuse %j',
    (value) => {
      const error = thrown(() => checkHeaderValue('x-a', value as string))
      expect(error).toMatchObject({ constructor: TypeError, code: 'ARMATURE_HEADER_INVALID' })
      expect(error.message).toContain("'x-a'")
    },
  )
})

it('eachHeader reads objects, pairs, maps and web headers', () => {
  const read = (headers: Parameters<typeof eachHeader>[0]) => {
    const seen: unknown[] = []
    eachHeader(headers, (name, value) => seen.push([name, value]))
    return seen
  }
  const expected = [['a', '1']]
  expect(read({ a: '1' })).toEqual(expected)
  expect(read([['a', '1']])).toEqual(expected)
  expect(read(new Map([['a', '1']]))).toEqual(expected)
  expect(read(new Headers({ a: '1' }))).toEqual(expected)
})

describe('RequestHeaders', () => {
  const headers = new RequestHeaders(
    new FakeSource({
      headers: [
        ['accept', 'text/html'],
        ['x-a', '1'],
        ['cookie', 'a=1'],
        ['x-a', '2'],
        ['cookie', 'b=2'],
        ['set-cookie', 'c=3'],
        ['set-cookie', 'd=4'],
      ],
    }),
  )

  it('compares names without regard to case and joins repeated fields', () => {
    expect(headers.get('Accept')).toBe('text/html')
    expect(headers.get('X-A')).toBe('1, 2')
    expect(headers.get('Cookie')).toBe('a=1; b=2')
    expect(headers.get('Set-Cookie')).toBe('c=3')
    expect(headers.get('none')).toBeUndefined()
  })

  it('has and getAll', () => {
    expect(headers.has('ACCEPT')).toBe(true)
    expect(headers.has('none')).toBe(false)
    expect(headers.getAll('x-A')).toEqual(['1', '2'])
    expect(headers.getAll('set-cookie')).toEqual(['c=3', 'd=4'])
    expect(headers.getAll('none')).toEqual([])
  })

  it('iterates', () => {
    expect([...headers]).toEqual([
      ['accept', 'text/html'],
      ['x-a', '1, 2'],
      ['cookie', 'a=1; b=2'],
      ['set-cookie', 'c=3'],
      ['set-cookie', 'd=4'],
    ])
  })

  it('becomes JSON and prints', () => {
    expect(JSON.parse(JSON.stringify(headers))).toEqual({
      accept: 'text/html',
      'x-a': '1, 2',
      cookie: 'a=1; b=2',
      'set-cookie': ['c=3', 'd=4'],
    })
    expect(inspect(headers)).toMatch(/^RequestHeaders \{/)
  })

  it('keeps a header named __proto__', () => {
    const odd = new RequestHeaders(new FakeSource({ headers: [['__proto__', 'x']] }))
    expect(JSON.stringify(odd)).toBe('{"__proto__":"x"}')
  })
})

describe('ResponseHeaders', () => {
  const make = () =>
    HttpResponse.text('x')
      .append('vary', 'origin')
      .append('Vary', 'accept')
      .append('set-cookie', 'a=1')
      .append('set-cookie', 'b=2')

  it('has the content type first', () => {
    expect([...make().headers]).toEqual([
      ['content-type', 'text/plain; charset=utf-8'],
      ['vary', 'origin, accept'],
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
    ])
    expect(make().headers.get('Content-Type')).toBe('text/plain; charset=utf-8')
    expect(make().headers.getAll('vary')).toEqual(['origin', 'accept'])
    expect(inspect(make().headers)).toMatch(/^ResponseHeaders \{/)
  })

  it('deletes', () => {
    const res = make().cookie('c', '3')
    expect(res.headers.delete('Vary')).toBe(true)
    expect(res.headers.delete('vary')).toBe(false)
    expect(res.headers.delete('content-type')).toBe(true)
    expect(res.headers.delete('content-type')).toBe(false)
    expect(res.headers.delete('Set-Cookie')).toBe(true)
    expect([...res.headers]).toEqual([])
    expect(res._cookies).toBeNull()
    expect(HttpResponse.status(200).headers.delete('x')).toBe(false)
  })
})
