// The access log, over real sockets.
import { fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { App, fixed, HttpResponse, Logger, type LoggerOptions, type ServerStats } from '@armature/core'
import { testServer } from '@armature/core/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { RawClient, until } from './helper.js'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'armature-log-'))
  folders.push(made)
  return made
}

const fixture = join(__dirname, 'fixtures/log-process.cjs')

const build = (options: LoggerOptions) =>
  App.new({ trustProxy: ['127.0.0.1'] })
    .wrap(Logger.new(options))
    .get('/native', fixed(HttpResponse.text('hello')))
    .get('/users/:id', (req) => ({ id: req.param('id') }))
    .get('/async', async () => 'later')
    .get('/stream', async function* () {
      yield 'abc'
      yield 'defg'
    })
    .get('/endless', async function* () {
      for (;;) {
        yield 'abc'
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    })
    .get('/fails', () => {
      throw HttpResponse.status(503)
    })
    .get('/slow', async () => {
      await new Promise((resolve) => setTimeout(resolve, 500))
      return 'slow'
    })

/** The lines that requests leave in a file. */
async function lines(options: LoggerOptions, send: (client: RawClient, url: string) => Promise<unknown>) {
  const path = join(folder(), 'access.log')
  const t = await testServer(build({ ...options, output: { path } }))
  const client = await RawClient.to(t.server.port)
  await send(client, t.url)
  client.socket.destroy()
  await t.server.close()
  // No wait: what was logged is in the file when the server has closed.
  return readFileSync(path, 'utf8').split('\n').slice(0, -1)
}

const json = (text: string) => JSON.parse(text) as Record<string, unknown>

describe('the forms', () => {
  const time = /\[\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000\]/

  it('are those of Apache, whatever clients send', async () => {
    const logged = await lines({ format: 'combined' }, async (client, url) => {
      await client.get('/users/7?a="b"', 'user-agent: a"b\\c\td\xe9\r\nreferer: http://x/\r\n')
      await client.get('/stream')
      await fetch(`${url}/native`, { method: 'HEAD', headers: { 'user-agent': 'x' } })
    })
    expect(logged.map((line) => line.replace(time, '[TIME]'))).toEqual([
      '127.0.0.1 - - [TIME] "GET /users/7?a=\\"b\\" HTTP/1.1" 200 10 "http://x/" "a\\"b\\\\c\\td\\xc3\\xa9"',
      '127.0.0.1 - - [TIME] "GET /stream HTTP/1.1" 200 7 "-" "-"',
      '127.0.0.1 - - [TIME] "HEAD /native HTTP/1.1" 200 - "-" "x"',
    ])
  })

  it('name HTTP/2 as Apache does', async () => {
    const logged = await lines({ format: 'common' }, async (_, url) => {
      const session = connect(url)
      const stream = session.request({ ':path': '/native', 'x-forwarded-for': '192.0.2.7' })
      stream.resume()
      await once(stream, 'close')
      session.close()
    })
    expect(logged.map((line) => line.replace(time, '[TIME]'))).toEqual([
      '192.0.2.7 - - [TIME] "GET /native HTTP/2.0" 200 5',
    ])
  })

  it('are JSON with what was asked for', async () => {
    const logged = await lines(
      {
        format: 'json',
        fields: ['route', 'host', 'protocol', 'scheme', 'userAgent'],
        headers: ['x-a', 'cookie'],
        responseHeaders: ['content-type', 'x-none'],
        redact: { query: ['token'] },
        skip: ['/native'],
      },
      async (client) => {
        await client.get('/native')
        await client.get('/users/7?token=secret&b=1', 'x-a: 1\r\nx-a: 2\r\ncookie: secret\r\n')
        await client.get('/none')
        await client.get('/async')
      },
    )
    expect(logged.join()).not.toContain('secret')
    expect(logged).toHaveLength(3)
    expect(json(logged[0] as string)).toEqual({
      level: 'info',
      time: expect.closeTo(Date.now(), -5),
      requestId: expect.stringMatching(/^[0-9a-f]{12}-[0-9a-f]+$/),
      method: 'GET',
      url: '/users/7?token=[redacted]&b=1',
      ip: '127.0.0.1',
      route: '/users/:id',
      host: 'test',
      protocol: 'HTTP/1.1',
      scheme: 'http',
      userAgent: '',
      headers: { 'x-a': '1, 2', cookie: '[redacted]' },
      status: 200,
      durationMs: expect.any(Number),
      bytes: 10,
      responseHeaders: { 'content-type': 'application/json' },
    })
    expect(json(logged[1] as string)).toMatchObject({ status: 404, route: '', code: 'ARMATURE_NOT_FOUND' })
    expect(json(logged[2] as string)).toMatchObject({ status: 200, bytes: 5 })
  })

  it('says what was sent of a stream, and that it was cut off', async () => {
    const logged = await lines({ format: 'json' }, async (client, url) => {
      await client.get('/stream')
      const abort = new AbortController()
      const response = await fetch(`${url}/endless`, { signal: abort.signal })
      await response.body?.getReader().read()
      abort.abort()
    })
    const [whole, cut] = logged.map(json)
    expect(whole).toMatchObject({ url: '/stream', bytes: 7 })
    expect(whole).not.toHaveProperty('aborted')
    expect(cut).toMatchObject({ url: '/endless', aborted: true })
    expect(cut?.bytes).toBeGreaterThanOrEqual(3)
  })
})

it('a sample has every error and every slow answer', async () => {
  const logged = await lines({ format: 'json', sample: 0, slow: '400ms' }, async (client) => {
    for (const path of ['/native', '/none', '/fails', '/users/1', '/slow', '/async']) await client.get(path)
  })
  expect(logged.map((line) => json(line).url)).toEqual(['/fails', '/slow'])
})

it('puts full files aside, compresses them and keeps as many as it should', async () => {
  const place = folder()
  const path = join(place, 'access.log')
  const output = { path, maxSize: 1024, compress: true, keep: 2 } as const
  const t = await testServer(build({ format: 'json', output }))
  const client = await RawClient.to(t.server.port)
  for (let i = 0; i < 40; i++) await client.get(`/users/${i}`)
  client.socket.destroy()
  await t.server.close()
  const packed = () =>
    readdirSync(place)
      .filter((name) => name !== 'access.log')
      .sort()
  await until(
    () => packed().length === 2 && packed().every((name) => name.endsWith('.gz')),
    'two packed files',
  )
  for (const name of packed()) expect(name).toMatch(/^access\.log\.\d{8}T\d{6}Z(\.\d+)?\.gz$/)
  const texts = packed().map((name) => gunzipSync(readFileSync(join(place, name))).toString())
  for (const text of texts) expect(text.length).toBeLessThanOrEqual(1024)
  // Whole lines, without a gap up to the last one.
  const urls = [...texts, readFileSync(path, 'utf8')].flatMap((text) =>
    text
      .trim()
      .split('\n')
      .map((line) => json(line).url),
  )
  const last = Array.from({ length: urls.length }, (_, i) => `/users/${40 - urls.length + i}`)
  expect([...urls].sort()).toEqual([...last].sort())
})

it.skipIf(!existsSync('/dev/full'))('counts what a full disk does not take, and answers on', async () => {
  await using t = await testServer(build({ format: 'json', output: { path: '/dev/full' } }))
  await using client = await RawClient.to(t.server.port)
  for (let i = 0; i < 3; i++) expect((await client.get('/users/1')).status).toBe(200)
  await until(() => t.server.stats().log.failed === 3, 'three lost lines')
})

it('a pipe that nobody reads stops nobody: lines are dropped and counted', { timeout: 30_000 }, async () => {
  const env = { ...process.env, NODE_ENV: 'production' }
  const child = fork(fixture, ['serve'], { env, stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
  const message = async () => ((await once(child, 'message')) as [{ port: number; stats: ServerStats }])[0]
  try {
    const { port } = await message()
    child.stdout?.pause()
    await using client = await RawClient.to(port)
    let slowest = 0
    // About 700 bytes each: more than the pipe, what Node.js reads ahead, and the queue together.
    const requests = 1000
    for (let i = 0; i < requests; i++) {
      const begun = performance.now()
      expect((await client.get('/')).status).toBe(200)
      slowest = Math.max(slowest, performance.now() - begun)
    }
    expect(slowest).toBeLessThan(2000)
    child.send('stats')
    const { log } = (await message()).stats
    expect(log.dropped).toBeGreaterThan(100)
    expect(log.waiting).toBeLessThanOrEqual(16 * 1024)
    expect(log.failed).toBe(0)
    // Once somebody reads again, everything comes that was not dropped, and how much was.
    let text = ''
    child.stdout?.on('data', (data) => (text += data))
    child.stdout?.resume()
    const read = () => text.split('\n').slice(0, -1).map(json)
    const told = () => read().reduce((sum, line) => sum + Number(line.dropped ?? 0), 0)
    await until(() => told() === log.dropped, 'notices of all that was dropped')
    const written = () => read().filter((line) => line.dropped === undefined).length
    await until(() => written() === 2 * requests - log.dropped, 'every other line')
  } finally {
    child.kill('SIGKILL')
  }
})

it.each([
  ['exit', 3, ['before the end', 'at the end']],
  ['throw', 1, ['before the end']],
  ['fatal', null, ['the end']],
])('lines are out when the process ends: %s', (mode, code, messages) => {
  const { status, stdout } = spawnSync(process.execPath, [fixture, mode], { encoding: 'utf8' })
  expect(status).toBe(code)
  expect(
    stdout
      .trim()
      .split('\n')
      .map((line) => json(line).msg),
  ).toEqual(messages)
})

describe('options', () => {
  it('are checked where they are written', () => {
    const refused = (options: object) => expect(() => Logger.new(options as LoggerOptions))
    refused({ sample: 2 }).toThrow('Logger.sample: 2 is not a number from 0 to 1')
    refused({ fields: ['rout'] }).toThrow(
      /^Logger.fields\[0\]: 'rout' is not one of .*did you mean 'route'\?/,
    )
    refused({ format: 'common', headers: ['x-a'] }).toThrow(/^Logger.headers: .* use 'json'$/)
    refused({ output: { path: '/x', keep: 1 } }).toThrow(
      /^Logger.output.keep .* give Logger.output.maxSize or/,
    )
    refused({ output: 'stdin' }).toThrow(
      "Logger.output: 'stdin' is not 'stdout', 'stderr' or a file { path }",
    )
    refused({ output: { path: '/x', every: 'week' } }).toThrow(
      /^Logger.output.every: 'week' is not one of 'hour', 'day'/,
    )
  })

  it('a file that cannot be opened is told before anything listens', async () => {
    const path = join(folder(), 'none', 'access.log')
    const run = build({ output: { path } }).run('127.0.0.1:0')
    await expect(run).rejects.toMatchObject({ code: 'ARMATURE_IO' })
    await expect(run).rejects.toThrow(`cannot open the log '${path}'; its folder has to exist`)
  })

  it('two logs of a file have to agree', async () => {
    const path = join(folder(), 'access.log')
    writeFileSync(path, 'kept\n')
    const log = { output: { path, maxSize: '1mb' } }
    const app = App.new({ log }).wrap(Logger.new({ output: { path } }))
    await expect(app.run('127.0.0.1:0')).rejects.toMatchObject({ code: 'ARMATURE_OPTION_INVALID' })
    const agreed = await App.new({ log })
      .wrap(Logger.json())
      .get('/', fixed(HttpResponse.text('x')))
      .run('127.0.0.1:0')
    await (await fetch(agreed.url)).text()
    await agreed.close()
    expect(readFileSync(path, 'utf8')).toMatch(/^kept\n\{"level":"info".*\}\n$/)
  })
})
