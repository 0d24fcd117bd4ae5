import { mkdtempSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { App, Cors, fromConnect, Logger, openapi, RequestId, rpc, serve } from '@armature/core'
import { afterEach, expect, test } from 'vitest'

const app = () => App.new().get('/', () => 'x')
const error = async (options: object) => {
  try {
    const server = await app().run(options as never)
    await server.close()
  } catch (error) {
    return error as Error & { code?: string }
  }
  throw new Error('it started')
}

afterEach(() => {
  for (const name of Object.keys(process.env)) if (name.startsWith('ARMATURE_')) delete process.env[name]
})

test.each([
  [{ limits: { body: '1xb' } }, /limits\.body.*'1xb'/],
  [{ limits: { boody: 1 } }, /limits\.boody.*did you mean limits\.body/],
  [{ listen: 'nonsense:port' }, /listen.*nonsense:port/],
  [{ listen: 70000 }, /listen.*70000/],
  [{ timeouts: { idle: 'soon' } }, /timeouts\.idle.*'soon'/],
  [{ io: 0 }, /io.*0/],
  [{ trailingSlash: 'maybe' }, /trailingSlash.*maybe/],
  [{ trustProxy: ['nowhere'] }, /trustProxy.*nowhere/],
  [{ secrets: ['short'] }, /secrets/],
  [{ listen: { port: 0, http3: true } }, /listen.http3: needs tls/],
  [{ workers: 1025 }, /workers: 1025/],
  [{ workers: { count: 2, entry: ' ' } }, /workers.entry/],
])('%j is a TypeError that names option and value', async (options, message) => {
  const thrown = await error({ listen: '127.0.0.1:0', ...options })
  expect(thrown).toBeInstanceOf(TypeError)
  expect(thrown.code).toBe('ARMATURE_OPTION_INVALID')
  expect(thrown.message).toMatch(message)
})

test('the environment has the last word, and is checked too', async () => {
  process.env.ARMATURE_LISTEN = '127.0.0.1:0'
  process.env.ARMATURE_LIMITS__BODY = '10'
  const server = await App.new({ limits: { body: '1mb' } })
    .post('/', async (req) => req.text())
    .run({ listen: '127.0.0.1:1' })
  const res = await fetch(server.url, { method: 'POST', body: 'more than ten bytes' })
  expect(res.status).toBe(413)
  await server.close()
  process.env.ARMATURE_LIMITS__BODI = '10'
  expect((await error({})).message).toContain('ARMATURE_LIMITS__BODI')
})

test('a used port fails with the error of the system and the address', async () => {
  const server = await app().run('127.0.0.1:0')
  const thrown = await error({ listen: server.address })
  expect(thrown.code).toBe('ARMATURE_LISTEN')
  expect(thrown.message).toContain(server.address)
  expect(thrown.message).toMatch(/in use/i)
  await server.close()
})

test('wrong options stop run() before any hook runs', async () => {
  let started = false
  const hooked = app().onStart(() => {
    started = true
  })
  await expect(hooked.run({ limits: { body: -1 } } as never)).rejects.toThrow(TypeError)
  expect(started).toBe(false)
})

test('several addresses and a Unix socket', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'armature-')), 'app.sock')
  const server = await app().run({ listen: ['127.0.0.1:0', `unix:${path}`] })
  expect(await (await fetch(server.url)).text()).toBe('x')
  const body = await new Promise<string>((resolve, reject) => {
    request({ socketPath: path, path: '/' }, (res) => {
      let text = ''
      res.on('data', (chunk) => (text += chunk)).on('end', () => resolve(text))
    })
      .on('error', reject)
      .end()
  })
  expect(body).toBe('x')
  await server.close()
})

test.each([
  [() => Cors.new({ origins: '*', credentials: true }), /credentials/],
  [() => Cors.new({ origins: ['not an origin'] }), /not an origin/],
  [() => Cors.new({ orgins: ['https://a.example'] } as never), /orgins/],
  [() => Logger.new({ format: 'xml' } as never), /format.*xml/],
  [() => Logger.new({ skip: ['health'] }), /health/],
  [() => RequestId.new({ header: 'a b' }), /a b/],
])('layer options are checked where they are written: %s', (make, message) => {
  expect(make).toThrow(TypeError)
  expect(make).toThrow(message)
})

test('reserved features throw, they are never silent', () => {
  for (const reserved of [serve, openapi, rpc, fromConnect]) expect(() => reserved()).toThrow(/not available/)
})

const foreign: [unknown, string][] = [
  [Number.POSITIVE_INFINITY, 'Infinity'],
  [Number.NaN, 'NaN'],
  [-1, '-1'],
  [1.5, '1.5'],
  [1e30, '1000000000000000000000000000000'],
  [10n, '10n'],
  [() => 1, 'a function'],
  [null, 'null'],
  [true, 'true'],
]

test.each(foreign)('%s is refused wherever a size, a duration or a count stands', async (value, name) => {
  const places: [string, string, (options: object) => Promise<unknown>][] = [
    ['limits', 'body', (options) => app().run({ listen: '127.0.0.1:0', ...options })],
    ['limits', 'headers', (options) => app().run({ listen: '127.0.0.1:0', ...options })],
    ['timeouts', 'handler', (options) => app().run({ listen: '127.0.0.1:0', ...options })],
    ['timeouts', 'shutdown', (options) => App.new(options).run('127.0.0.1:0')],
    ['limits', 'queue', (options) => App.new(options).inject('/')],
    ['timeouts', 'idle', (options) => App.new({ limits: { body: 1 } }).run(options)],
  ]
  for (const [group, option, start] of places) {
    const thrown: Error & { code?: string } = await start({ [group]: { [option]: value } }).then(
      () => new Error(`${group}.${option} was taken`),
      (error) => error,
    )
    expect([thrown.code, thrown.message]).toEqual([
      'ARMATURE_OPTION_INVALID',
      expect.stringMatching(
        new RegExp(`^${group}\\.${option}: ${name === 'a function' ? '.*' : name} is not `),
      ),
    ])
    expect(thrown).toBeInstanceOf(TypeError)
    expect(thrown.message).toMatch(/a size|a duration|a whole number/)
  }
})

test.each([...foreign, [0, '0(b|ms)'], ['1000tb', '(1000tb|.1000tb.)'], ['99h', '(99h|.99h.)']] as [
  unknown,
  string,
][])('%s is refused as an option of a route', async (value, name) => {
  const named = typeof value === 'number' || typeof value === 'string' ? name : '.*'
  for (const [options, option] of [
    [{ timeout: value }, 'timeout of GET '],
    [{ limits: { body: value } }, 'limits.body of GET '],
  ] as const) {
    const start = async () => {
      const server = await App.new()
        .get('/a', options as never, () => 'x')
        .run('127.0.0.1:0')
      await server.close()
    }
    const thrown: Error & { code?: string } = await start().then(
      () => new Error(`${option} took it`),
      (error) => error,
    )
    expect(thrown.message).toMatch(new RegExp(`^${option}'?/a'?: ${named} is not `))
    expect([thrown.code, thrown instanceof TypeError]).toEqual(['ARMATURE_OPTION_INVALID', true])
  }
})

test.each([
  ['ARMATURE_LIMITS__BODY', 'Infinity'],
  ['ARMATURE_LIMITS__BODY', '-1'],
  ['ARMATURE_LIMITS__HEADERS', 'NaN'],
  ['ARMATURE_TIMEOUTS__HANDLER', 'Infinity'],
  ['ARMATURE_TIMEOUTS__HANDLER', '25h'],
  ['ARMATURE_LIMITS__CONNECTIONS', '99999999999999999999'],
])('%s=%s is refused', async (variable, value) => {
  process.env[variable] = value
  const thrown = await error({ listen: '127.0.0.1:0' })
  expect([thrown.code, thrown.message]).toEqual([
    'ARMATURE_OPTION_INVALID',
    expect.stringMatching(new RegExp(`^${variable}: '?${value}`)),
  ])
})

test.each([Number.POSITIVE_INFINITY, Number.NaN, -1, 2 ** 60, '25h', 'soon', null])(
  'close() does not take %s as its timeout',
  async (timeout) => {
    const server = await app().run('127.0.0.1:0')
    await expect(server.close({ timeout } as never)).rejects.toMatchObject({
      code: 'ARMATURE_OPTION_INVALID',
      message: expect.stringContaining('timeout of close()'),
    })
    await server.close()
  },
)

test.each(['listen', 'io', 'workers'])('App.new() refuses %s, which is for run()', (name) => {
  const make = () => App.new({ [name]: 1 } as never)
  expect(make).toThrow(TypeError)
  expect(make).toThrow(`App.new() does not take '${name}'`)
  expect(make).toThrow(`run({ ${name}: … })`)
})

test('App.new() takes everything else, and run() overrides it', async () => {
  const named = App.new({ name: 'api', signals: false, limits: { body: 5 } }).post('/', (req) => req.text())
  const before = process.listenerCount('SIGTERM')
  const server = await named.run({ listen: '127.0.0.1:0', limits: { body: undefined } })
  expect(process.listenerCount('SIGTERM')).toBe(before)
  const statuses = await Promise.all(
    ['12345', '123456'].map(async (body) => (await fetch(server.url, { method: 'POST', body })).status),
  )
  expect(statuses).toEqual([200, 413])
  await server.close()
  for (const wrong of [null, [], true, () => {}]) {
    expect(() => App.new(wrong as never)).toThrow(TypeError)
    await expect(app().run(wrong as never)).rejects.toThrow(TypeError)
  }
})

test('a layer option that JSON does not have is refused', () => {
  expect(() => Cors.new({ origins: '*', maxAge: Number.POSITIVE_INFINITY })).toThrow(
    /maxAge: Infinity is not/,
  )
})
