import { describe, expect, it } from 'vitest'
import { type CookieOptions, checkCookie, parseCookies, serializeCookie } from '../../src/cookies.js'
import { signValue, unsignValue } from '../../src/signed.js'
import { thrown } from './helper.js'

const send = (name: string, value: string, options: CookieOptions = {}, secure = false) => {
  checkCookie(name, value, options)
  return serializeCookie(name, value, options, secure)
}

describe('serializeCookie', () => {
  it('has safe defaults', () => {
    expect(send('a', 'b')).toBe('a=b; Path=/; HttpOnly; SameSite=Lax')
    expect(send('a', 'b', {}, true)).toBe('a=b; Path=/; HttpOnly; Secure; SameSite=Lax')
  })

  it('writes every attribute', () => {
    const text = send('a', 'b', {
      domain: '.example.com',
      path: '/app',
      expires: new Date(Date.UTC(2030, 0, 1)),
      maxAge: 60,
      httpOnly: false,
      secure: true,
      sameSite: 'none',
      partitioned: true,
      priority: 'high',
    })
    expect(text).toBe(
      'a=b; Max-Age=60; Domain=.example.com; Path=/app; Expires=Tue, 01 Jan 2030 00:00:00 GMT; Secure; ' +
        'SameSite=None; Partitioned; Priority=High',
    )
    expect(send('a', 'b', { sameSite: 'strict', secure: false, priority: 'low' }, true)).toBe(
      'a=b; Path=/; HttpOnly; SameSite=Strict; Priority=Low',
    )
    expect(send('a', 'b', { maxAge: -1 })).toContain('Max-Age=-1')
  })

  it('escapes the value', () => {
    expect(send('a', '"x"; ä,%')).toMatch(/^a=%22x%22%3B%20%C3%A4%2C%25;/)
  })

  it('is secure where browsers require it', () => {
    expect(send('a', 'b', { sameSite: 'none' })).toContain('; Secure')
    expect(send('a', 'b', { partitioned: true })).toContain('; Secure')
    expect(send('__Secure-a', 'b')).toContain('; Secure')
    expect(send('__host-a', 'b')).toContain('; Secure')
  })

  it('refuses what browsers would drop for its length', () => {
    expect(() => send('a', 'x'.repeat(4094))).not.toThrow()
    expect(thrown(() => send('a', 'x'.repeat(4095)))).toMatchObject({ code: 'ARMATURE_COOKIE_INVALID' })
  })
})

describe('checkCookie', () => {
  it.each([
    ['the name', '', 'v', {}],
    ['the name', 'a=b', 'v', {}],
    ['the name', 'a;b', 'v', {}],
    ['the name', 'ä', 'v', {}],
    ['the value', 'a', undefined, {}],
    ['the value', 'a', 12, {}],
    ['the value', 'a', '\ud800', {}],
    ['domain', 'a', 'v', { domain: 'a b' }],
    ['domain', 'a', 'v', { domain: 'example.com; Secure' }],
    ['path', 'a', 'v', { path: 'app' }],
    ['path', 'a', 'v', { path: '/a; Domain=evil' }],
    ['path', 'a', 'v', { path: '/a\r\n' }],
    ['expires', 'a', 'v', { expires: new Date('never') }],
    ['expires', 'a', 'v', { expires: 'tomorrow' }],
    ['maxAge', 'a', 'v', { maxAge: 1.5 }],
    ['maxAge', 'a', 'v', { maxAge: Number.POSITIVE_INFINITY }],
    ['sameSite', 'a', 'v', { sameSite: 'Lax' }],
    ['priority', 'a', 'v', { priority: 'toString' }],
    ["sameSite 'none' requires", 'a', 'v', { sameSite: 'none', secure: false }],
    ['partitioned requires', 'a', 'v', { partitioned: true, secure: false }],
    ['the prefix of the name requires', '__Secure-a', 'v', { secure: false }],
    ['the prefix __Host-', '__Host-a', 'v', { domain: 'example.com' }],
    ['the prefix __Host-', '__HOST-a', 'v', { path: '/app' }],
  ])('names %s: %j=%j %j', (why, name, value, options) => {
    const error = thrown(() => checkCookie(name, value as string, options as CookieOptions))
    expect(error).toMatchObject({ constructor: TypeError, code: 'ARMATURE_COOKIE_INVALID' })
    expect(error.message).toContain(why)
  })

  it('accepts a correct __Host- cookie', () => {
    expect(send('__Host-a', 'b', { path: '/' })).toBe('__Host-a=b; Path=/; HttpOnly; Secure; SameSite=Lax')
  })
})

describe('parseCookies', () => {
  it('reads pairs, quoted values and escapes', () => {
    expect(parseCookies('a=1; b="two"; c=%C3%A4; d=x=y;e=; f = 6 ')).toEqual({
      a: '1',
      b: 'two',
      c: 'ä',
      d: 'x=y',
      e: '',
      f: '6',
    })
  })

  it('takes the first of equal names', () => {
    expect(parseCookies('a=1; a=2')).toEqual({ a: '1' })
  })

  it('tolerates what is no cookie', () => {
    expect(parseCookies('; ;x;=y;a=%;b=%zz;c=";d="')).toEqual({ a: '%', b: '%zz', c: '"', d: '"' })
    expect(parseCookies('')).toEqual({})
    expect(parseCookies(undefined)).toEqual({})
  })

  it('is safe with names of Object.prototype, and frozen', () => {
    const cookies = parseCookies('__proto__=a; constructor=b')
    expect(Object.entries(cookies)).toEqual([
      ['__proto__', 'a'],
      ['constructor', 'b'],
    ])
    expect(cookies.toString).toBeUndefined()
    expect(Object.isFrozen(cookies)).toBe(true)
  })

  it('reads back what serializeCookie wrote', () => {
    const value = '"; \\ ,=ä日%41'
    expect(parseCookies(send('a', value).split(';')[0])).toEqual({ a: value })
  })
})

describe('signed values', () => {
  const secrets = ['current', 'older']

  it('are accepted when any secret signed them', () => {
    expect(unsignValue('a', signValue('a', 'v.1', 'current'), secrets)).toBe('v.1')
    expect(unsignValue('a', signValue('a', '', 'older'), secrets)).toBe('')
  })

  it('are refused when anything changed', () => {
    const signed = signValue('a', 'value', 'current')
    expect(unsignValue('b', signed, secrets)).toBeUndefined()
    expect(unsignValue('a', signed.replace('value', 'walue'), secrets)).toBeUndefined()
    expect(unsignValue('a', signValue('a', 'value', 'retired'), secrets)).toBeUndefined()
    expect(unsignValue('a', signed.slice(0, -1), secrets)).toBeUndefined()
    expect(unsignValue('a', `value.${'!'.repeat(43)}`, secrets)).toBeUndefined()
    expect(unsignValue('a', 'value', secrets)).toBeUndefined()
    expect(unsignValue('a', '', secrets)).toBeUndefined()
    expect(unsignValue('a', signed, [])).toBeUndefined()
  })

  it('is HMAC-SHA256 over name=value', () => {
    expect(signValue('sid', '42', 'secret')).toMatch(/^42\.[\w-]{43}$/)
  })
})
