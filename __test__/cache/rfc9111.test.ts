// What a shared cache may and must do, section by section of RFC 9111, over real connections.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Answer, ask, type Cached, type Fields, serve } from './support.js'

const THEN = 'Sun, 06 Nov 1994 08:49:37 GMT'
const LATER = 'Mon, 07 Nov 1994 08:49:37 GMT'
const FUTURE = 'Sat, 01 Jan 2089 00:00:00 GMT'

interface Step {
  /** Defaults to GET. */
  method?: string
  /** Defaults to the path of the case. */
  path?: string
  headers?: Record<string, string>
  /** What the handler says, if it is asked; several when it is asked more than once. */
  answers?: Answer[]
  /** The number of the answer that has to come: that of the first request to the handler is 1. */
  body?: string
  status?: number
  /** Fields that the answer has to have; `null` for those that it must not have. */
  has?: Record<string, string | RegExp | null>
  /** Fields that the handler must have seen, when it is asked. */
  sees?: Record<string, string | null>
}

const answer = (headers: Fields, status = 200): Answer[] => [{ headers, status }]
const cc = (value: string, more: Fields = {}) => answer({ 'cache-control': value, ...more })
/** Stored, and stale from the start. */
const stale = (more: Fields = {}, control = '') => cc(`max-age=10${control}`, { age: '20', ...more })

const stored = (answers: Answer[], more: Step = {}): Step[] => [
  { answers, body: '1', ...more },
  { body: '1', ...more },
]
const notStored = (answers: Answer[], more: Step = {}): Step[] => [
  { answers, body: '1', ...more },
  { answers, body: '2', ...more },
]

const cases: [section: string, title: string, steps: Step[]][] = [
  ['3', 'what says nothing is not stored', notStored(answer({}))],
  [
    '3',
    'an error is stored when it says so',
    stored(answer({ 'cache-control': 'max-age=60' }, 500), { status: 500 }),
  ],
  [
    '3',
    'a 404 is stored when it says so',
    stored(answer({ 'cache-control': 'max-age=60' }, 404), { status: 404 }),
  ],
  [
    '3',
    'a status that nobody knows is stored when it says so',
    stored(answer({ 'cache-control': 'max-age=60' }, 299), { status: 299 }),
  ],
  [
    '3',
    'a part is not stored',
    notStored(answer({ 'cache-control': 'max-age=60', 'content-range': 'bytes 0-0/2' }, 206), {
      status: 206,
    }),
  ],
  ['3', 'another method is not stored', notStored(cc('max-age=60'), { method: 'POST' })],
  [
    '3',
    'nor is what a query asks that differs',
    [
      { path: '/q?a=1', answers: cc('max-age=60'), body: '1' },
      { path: '/q?a=2', answers: cc('max-age=60'), body: '2' },
      { path: '/q?a=1', body: '1' },
    ],
  ],
  [
    '3',
    'hosts are told apart, in any case',
    [
      { headers: { host: 'a.example' }, answers: cc('max-age=60'), body: '1' },
      { headers: { host: 'b.example' }, answers: cc('max-age=60'), body: '2' },
      { headers: { host: 'A.example:80' }, body: '1' },
    ],
  ],
  [
    '3.1',
    'fields of the answer are stored, repeated ones as well',
    [
      { answers: cc('max-age=60', { 'x-a': ['1', '2'], 'content-language': 'en' }), body: '1' },
      {
        body: '1',
        has: {
          'x-a': /2/,
          'content-language': 'en',
          'content-type': 'text/plain; charset=utf-8',
          'content-length': '1',
        },
      },
    ],
  ],
  [
    '3.1',
    'fields of the connection are not',
    [
      {
        answers: cc('max-age=60', { 'proxy-authenticate': 'Basic', 'cache-status': 'other; hit' }),
        body: '1',
      },
      { body: '1', has: { 'proxy-authenticate': null, 'cache-status': 'armature; hit' } },
    ],
  ],
  [
    '3.2',
    'a 304 renews fields',
    [
      { answers: stale({ etag: '"a"', 'x-a': 'old', 'x-b': 'old' }), body: '1' },
      {
        answers: answer({ 'x-a': 'new', 'cache-control': 'max-age=60', 'content-type': 'x/y' }, 304),
        body: '1',
        status: 200,
        has: { 'x-a': 'new', 'x-b': 'old', 'content-type': 'text/plain; charset=utf-8' },
      },
      { body: '1', has: { 'x-a': 'new', 'x-b': 'old', 'cache-status': 'armature; hit' } },
    ],
  ],
  [
    '3.5',
    'what Authorization got is not stored',
    notStored(cc('max-age=60'), { headers: { authorization: 'a' } }),
  ],
  [
    '3.5',
    'nor what must-revalidate alone allows',
    notStored(cc('max-age=60, must-revalidate'), { headers: { authorization: 'a' } }),
  ],
  ['3.5', 'public allows it', stored(cc('max-age=60, public'), { headers: { authorization: 'a' } })],
  ['3.5', 's-maxage allows it', stored(cc('s-maxage=60'), { headers: { authorization: 'a' } })],
  [
    '3.5',
    'what others got is not for Authorization',
    [
      { answers: cc('max-age=60'), body: '1' },
      { headers: { authorization: 'a' }, answers: cc('max-age=60'), body: '2' },
      { body: '1' },
    ],
  ],
  [
    '4',
    'HEAD is answered with what GET got',
    [
      { answers: cc('max-age=60', { 'x-a': '1' }), body: '1' },
      {
        method: 'HEAD',
        body: '',
        has: { 'x-a': '1', 'content-length': '1', 'cache-status': 'armature; hit' },
      },
    ],
  ],
  [
    '4',
    'GET is not answered with what HEAD got',
    [
      { method: 'HEAD', answers: cc('max-age=60'), body: '' },
      { answers: cc('max-age=60'), body: '2' },
    ],
  ],
  [
    '4',
    'Age and the Date of the origin',
    [
      { answers: cc('max-age=60', { age: '7', date: THEN, expires: FUTURE }), body: '1' },
      { answers: cc('max-age=60', { age: '7' }), body: '2' },
      { body: '2', has: { age: /^[789]$/, date: / GMT$/ } },
    ],
  ],
  [
    '4.1',
    'Vary tells requests apart',
    [
      { headers: { accept: 'a' }, answers: cc('max-age=60', { vary: 'Accept' }), body: '1' },
      {
        headers: { accept: 'b' },
        answers: cc('max-age=60', { vary: 'accept' }),
        body: '2',
        has: { 'cache-status': /fwd=vary-miss/ },
      },
      { answers: cc('max-age=60', { vary: 'accept' }), body: '3' },
      { headers: { accept: ' a ' }, body: '1' },
      { headers: { accept: 'b' }, body: '2' },
      { body: '3' },
    ],
  ],
  [
    '4.1',
    'a field that appears in Vary later counts from then on',
    [
      { headers: { x: '1', y: '1' }, answers: cc('max-age=60', { vary: 'x' }), body: '1' },
      { headers: { x: '2', y: '1' }, answers: cc('max-age=60', { vary: 'x, y' }), body: '2' },
      { headers: { x: '2', y: '2' }, answers: cc('max-age=60', { vary: 'x, y' }), body: '3' },
      { headers: { x: '2', y: '1' }, body: '2' },
    ],
  ],
  ['4.1', 'Vary: * is never used again', notStored(cc('max-age=60', { vary: '*' }))],
  ['4.2.1', 's-maxage before max-age', stored(cc('max-age=0, s-maxage=60'))],
  ['4.2.1', 'max-age before Expires', stored(cc('max-age=60', { expires: THEN }))],
  ['4.2.1', 'no number is stale', notStored(cc('max-age=1.5'))],
  ['4.2.1', 'two lifetimes are stale', notStored(cc('max-age=60, max-age=70'))],
  ['4.2.1', 'a quoted number is a number', stored(cc('max-age="60"'))],
  ['1.2.2', 'a number too large to count', stored(cc('max-age=99999999999999999999'))],
  ['4.2.3', 'Age counts', notStored(cc('max-age=60', { age: '60' }))],
  ['4.2.3', 'and so does Date', notStored(cc('max-age=60', { date: THEN }))],
  ['4.2.3', 'an Age that is none does not', stored(cc('max-age=60', { age: 'x' }))],
  [
    '4.3.1',
    'the handler is asked by tag and by date',
    [
      { answers: stale({ etag: '"a"', 'last-modified': THEN }), body: '1' },
      {
        answers: answer({}, 304),
        sees: { 'if-none-match': '"a"', 'if-modified-since': THEN },
        body: '1',
        status: 200,
        has: { 'cache-status': 'armature; fwd=stale; fwd-status=304', age: '0' },
      },
    ],
  ],
  [
    '4.3.1',
    'and without conditions where there is nothing to ask by',
    [
      { answers: stale(), body: '1' },
      { answers: stale(), sees: { 'if-none-match': null, 'if-modified-since': null }, body: '2' },
    ],
  ],
  [
    '4.3.2',
    'a client that has it gets 304 from the store',
    [
      { answers: cc('max-age=60', { etag: '"a"', vary: 'accept' }), body: '1' },
      {
        headers: { 'if-none-match': '"x", W/"a"' },
        status: 304,
        body: '',
        has: { etag: '"a"', vary: 'accept', age: '0', 'content-type': null },
      },
      { headers: { 'if-none-match': '"b"' }, status: 200, body: '1' },
      { method: 'HEAD', headers: { 'if-none-match': '*' }, status: 304, body: '' },
    ],
  ],
  [
    '4.3.2',
    'dates are compared with Last-Modified',
    [
      { answers: cc('max-age=60', { 'last-modified': THEN }), body: '1' },
      { headers: { 'if-modified-since': THEN }, status: 304, body: '' },
      { headers: { 'if-modified-since': 'Sat, 05 Nov 1994 08:49:37 GMT' }, status: 200, body: '1' },
      { headers: { 'if-modified-since': LATER, 'if-none-match': '"a"' }, status: 200, body: '1' },
    ],
  ],
  [
    '4.3.2',
    'and with Date where there is none',
    [
      { answers: cc('max-age=60'), body: '1' },
      { headers: { 'if-modified-since': FUTURE }, status: 304, body: '' },
      { headers: { 'if-modified-since': THEN }, status: 200, body: '1' },
    ],
  ],
  [
    '4.3.2',
    'only a 200 is compared',
    [
      { answers: answer({ 'cache-control': 'max-age=60', etag: '"a"' }, 404), body: '1', status: 404 },
      { headers: { 'if-none-match': '"a"' }, body: '1', status: 404 },
    ],
  ],
  [
    '4.3.2',
    'conditions that are for the origin go there',
    [
      { answers: cc('max-age=60', { etag: '"a"' }), body: '1' },
      {
        headers: { 'if-match': '"b"' },
        sees: { 'if-match': '"b"' },
        body: '2',
        has: { 'cache-status': 'armature; fwd=bypass' },
      },
      { headers: { 'if-unmodified-since': THEN }, sees: { 'if-unmodified-since': THEN }, body: '3' },
    ],
  ],
  [
    '4.3.2',
    'what a conditional request gets is stored in full',
    [
      {
        headers: { 'if-none-match': '"a"' },
        answers: cc('max-age=60', { etag: '"a"' }),
        sees: { 'if-none-match': null },
        status: 304,
        body: '',
      },
      { body: '1', status: 200 },
    ],
  ],
  [
    '4.3.3',
    'an answer in full takes the place of the stored one',
    [
      { answers: stale({ etag: '"a"' }), body: '1' },
      { answers: cc('max-age=60', { etag: '"b"' }), body: '2' },
      { body: '2', has: { etag: '"b"' } },
    ],
  ],
  [
    '4.3.3',
    'and so does one that is not stored',
    [
      { answers: stale({ etag: '"a"' }, ', stale-if-error=60'), body: '1' },
      { answers: cc('no-store'), body: '2' },
      { answers: answer({}, 503), body: '3', status: 503 },
    ],
  ],
  [
    '4.3.3',
    'an error is given as it is',
    [
      { answers: stale({ etag: '"a"' }), body: '1' },
      { answers: answer({}, 503), body: '2', status: 503 },
      {
        answers: answer({ 'cache-control': 'max-age=60' }, 304),
        sees: { 'if-none-match': '"a"' },
        body: '1',
        status: 200,
      },
    ],
  ],
  [
    '4.3.4',
    'a 304 about something else is asked about again',
    [
      { answers: stale({ etag: '"a"' }), body: '1' },
      {
        answers: [...answer({ etag: '"b"' }, 304), ...cc('max-age=60', { etag: '"b"' })],
        sees: { 'if-none-match': null },
        body: '3',
        status: 200,
        has: { etag: '"b"' },
      },
      { body: '3' },
    ],
  ],
  [
    '4.3.4',
    'a 304 that forbids storing',
    [
      { answers: stale({ etag: '"a"' }), body: '1' },
      {
        answers: answer({ 'cache-control': 'no-store' }, 304),
        body: '1',
        status: 200,
        has: { 'cache-control': 'no-store' },
      },
      { sees: { 'if-none-match': null }, body: '3' },
    ],
  ],
  [
    '4.4',
    'a change takes out what it changes',
    [
      { answers: cc('max-age=60'), body: '1' },
      { method: 'PUT', body: '2' },
      { answers: cc('max-age=60'), body: '3' },
      { method: 'PURGE', body: '4' },
      { body: '5' },
    ],
  ],
  [
    '4.4',
    'with all variants and however it is written',
    [
      { path: '/v%61', headers: { accept: 'a' }, answers: cc('max-age=60', { vary: 'accept' }), body: '1' },
      { path: '/va', headers: { accept: 'b' }, answers: cc('max-age=60', { vary: 'accept' }), body: '2' },
      { path: '/va', method: 'DELETE', body: '3' },
      { path: '/va', headers: { accept: 'b' }, body: '4' },
      { path: '/v%61', headers: { accept: 'a' }, body: '5' },
    ],
  ],
  [
    '4.4',
    'one that failed does not',
    [
      { answers: cc('max-age=60'), body: '1' },
      { method: 'POST', answers: answer({}, 403), status: 403, body: '2' },
      { body: '1' },
    ],
  ],
  [
    '4.4',
    'nor does one that changes nothing',
    [{ answers: cc('max-age=60'), body: '1' }, { method: 'OPTIONS', body: '2' }, { body: '1' }],
  ],
  [
    '4.4',
    'what Location names goes as well, unless it is of another origin',
    [
      { path: '/l1', answers: cc('max-age=60'), body: '1' },
      { path: '/l2', answers: cc('max-age=60'), body: '2' },
      { path: '/l3', answers: cc('max-age=60'), body: '3' },
      {
        method: 'POST',
        answers: answer({ location: '/l1', 'content-location': 'http://other.example/l3' }, 201),
        status: 201,
        body: '4',
      },
      { path: '/l2', body: '2' },
      { path: '/l3', body: '3' },
      { path: '/l1', body: '5' },
    ],
  ],
  [
    '5.2.1.1',
    'max-age of a request',
    [
      { answers: cc('max-age=60', { age: '20' }), body: '1' },
      { headers: { 'cache-control': 'max-age=30' }, body: '1' },
      { headers: { 'cache-control': 'max-age=10' }, body: '2', has: { 'cache-status': /fwd=request/ } },
    ],
  ],
  [
    '5.2.1.2',
    'max-stale',
    [
      { answers: stale(), body: '1' },
      {
        headers: { 'cache-control': 'max-stale=100' },
        body: '1',
        has: { 'cache-status': /^armature; hit; ttl=-1\d$/ },
      },
      { headers: { 'cache-control': 'max-stale' }, body: '1' },
      { headers: { 'cache-control': 'max-stale=5' }, body: '2' },
    ],
  ],
  [
    '5.2.1.3',
    'min-fresh',
    [
      { answers: cc('max-age=60', { age: '20' }), body: '1' },
      { headers: { 'cache-control': 'min-fresh=30' }, body: '1' },
      { headers: { 'cache-control': 'min-fresh=50' }, body: '2' },
    ],
  ],
  [
    '5.2.1.4',
    'no-cache asks the handler, and renews',
    [
      { answers: cc('max-age=60', { etag: '"a"' }), body: '1' },
      {
        headers: { 'cache-control': 'no-cache' },
        answers: cc('max-age=60'),
        sees: { 'if-none-match': '"a"' },
        body: '2',
      },
      { body: '2' },
    ],
  ],
  [
    '5.2.1.5',
    'no-store of a request',
    notStored(cc('max-age=60'), { headers: { 'cache-control': 'no-store' } }),
  ],
  [
    '5.2.1.7',
    'only-if-cached',
    [
      {
        headers: { 'cache-control': 'only-if-cached' },
        status: 504,
        has: { 'content-type': 'application/problem+json' },
      },
      { answers: cc('max-age=60'), body: '1' },
      { headers: { 'cache-control': 'only-if-cached' }, status: 200, body: '1' },
    ],
  ],
  [
    '5.2.2.2',
    'must-revalidate is never given stale',
    [
      { answers: stale({}, ', must-revalidate, stale-if-error=60'), body: '1' },
      { headers: { 'cache-control': 'max-stale' }, answers: answer({}, 503), body: '2', status: 503 },
    ],
  ],
  ['5.2.2.3', 'must-understand', stored(cc('max-age=60, must-understand, no-store'))],
  [
    '5.2.2.4',
    'no-cache is stored, and asked about each time',
    [
      { answers: cc('max-age=60, no-cache', { etag: '"a"' }), body: '1' },
      { answers: answer({}, 304), sees: { 'if-none-match': '"a"' }, body: '1', status: 200 },
      { headers: { 'cache-control': 'max-stale' }, answers: cc('no-cache'), body: '3' },
    ],
  ],
  ['5.2.2.5', 'no-store', notStored(cc('max-age=60, No-Store'))],
  ['5.2.2.7', 'private', notStored(cc('max-age=60, private'))],
  [
    '5.2.2.8',
    'proxy-revalidate',
    [
      { answers: stale({}, ', proxy-revalidate'), body: '1' },
      { headers: { 'cache-control': 'max-stale' }, body: '2' },
    ],
  ],
  [
    '5.2.2.10',
    's-maxage is not given stale because a client wants it',
    [
      { answers: cc('s-maxage=10', { age: '20' }), body: '1' },
      { headers: { 'cache-control': 'max-stale' }, body: '2' },
    ],
  ],
  ['5.3', 'Expires', stored(answer({ expires: FUTURE }))],
  ['5.3', 'an Expires that is no date has passed', notStored(answer({ expires: '0' }))],
  ['7.3', 'Set-Cookie is not stored', notStored(cc('max-age=60, public', { 'set-cookie': 'a=1' }))],
  ['7.3', 'what Cookie got is not stored', notStored(cc('max-age=60'), { headers: { cookie: 'a=1' } })],
  ['7.3', 'unless it is public', stored(cc('max-age=60, public'), { headers: { cookie: 'a=1' } })],
  [
    '9110 14.2',
    'Range goes by',
    [
      { answers: cc('max-age=60'), body: '1' },
      {
        headers: { range: 'bytes=0-0' },
        sees: { range: 'bytes=0-0' },
        body: '2',
        has: { 'cache-status': 'armature; fwd=bypass' },
      },
    ],
  ],
]

describe('RFC 9111', () => {
  let cached: Cached
  beforeAll(async () => {
    cached = await serve()
  })
  afterAll(() => cached[Symbol.asyncDispose]())

  test.each(cases)('section %s: %s', async (_, title, steps) => {
    const { t, origin } = cached
    origin.seen.length = 0
    origin.script.length = 0
    // No case sees what another has stored.
    t.server.cache.purge({ all: true })
    const own = `/${title.replaceAll(/\W+/g, '-')}`
    for (const [index, step] of steps.entries()) {
      const { method = 'GET', path = own, headers = {}, answers = [], sees = {}, has = {} } = step
      origin.script.push(...answers)
      const before = origin.seen.length
      const reply = await ask(t, path, headers, method)
      const what = `step ${index + 1}`
      expect(origin.script, `${what}: answers that nobody asked for`).toEqual([])
      if (step.body !== undefined) expect(reply.body, what).toBe(step.body)
      expect(reply.status, what).toBe(step.status ?? 200)
      for (const [name, expected] of Object.entries(has)) {
        if (expected === null) expect(reply.headers, what).not.toHaveProperty(name)
        else if (typeof expected === 'string') expect(reply.headers[name], `${what}: ${name}`).toBe(expected)
        else expect(reply.headers[name], `${what}: ${name}`).toMatch(expected)
      }
      const seen = origin.seen.at(-1)
      if (Object.keys(sees).length > 0) expect(origin.seen.length, what).toBeGreaterThan(before)
      for (const [name, value] of Object.entries(sees)) expect(seen?.get(name) ?? null, what).toBe(value)
    }
  })
})
