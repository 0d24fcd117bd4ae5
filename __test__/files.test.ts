// Files of a folder, over real connections: what is found, what is refused, and what of it is sent.
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompressSync, brotliDecompressSync, gzipSync } from 'node:zlib'
import { App, Compress, files, fixed, HttpResponse, scope } from '@armature/core'
import { testServer } from '@armature/core/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { needsTool, RawClient, until } from './helper.js'
import { Session } from './http2-client.js'

const THEN = new Date('1994-11-06T08:49:37.000Z')
const HTTP_THEN = 'Sun, 06 Nov 1994 08:49:37 GMT'
const LARGE = randomBytes(700_000)

let top: string
let root: string

/** Writes a file that has not changed for long. */
function put(path: string, content: string | Buffer): void {
  const whole = join(top, path)
  mkdirSync(join(whole, '..'), { recursive: true })
  writeFileSync(whole, content)
  utimesSync(whole, THEN, THEN)
}

beforeAll(() => {
  top = mkdtempSync(join(tmpdir(), 'armature-files-'))
  root = join(top, 'public')
  put('secret.txt', 'secret')
  put('public/index.html', '<h1>home</h1>')
  put('public/app.js', 'let a = 1')
  put('public/numbers.txt', '0123456789')
  put('public/empty.txt', '')
  put('public/large.bin', LARGE)
  put('public/with space é.txt', 'spaced')
  put('public/100%.txt', 'percent')
  put('public/.env', 'hidden')
  put('public/.git/config', 'hidden')
  put('public/docs/index.html', 'docs')
  put('public/docs/a.css', 'a{}')
  put('public/bare/<x>&.txt', 'x')
  put('public/bare/sub/y.txt', 'y')
  put('public/text.css', 'p{}'.repeat(1000))
  put('public/text.css.br', brotliCompressSync('p{}'.repeat(1000)))
  put('public/text.css.gz', gzipSync('p{}'.repeat(1000)))
  put('public/no-br.js', 'plain')
  symlinkSync('numbers.txt', join(root, 'inside'))
  symlinkSync('docs', join(root, 'docs-link'))
  symlinkSync('../secret.txt', join(root, 'outside'))
  symlinkSync('/etc', join(root, 'etc'))
  symlinkSync('..', join(root, 'up'))
  symlinkSync('loop', join(root, 'loop'))
})
afterAll(() => rmSync(top, { recursive: true, force: true }))

const serve = (options = {}, prefix = '/static') => testServer(App.new().files(prefix, root, options))

test('a file has its type, length and validators, over HTTP/1 and HTTP/2, GET and HEAD', async () => {
  await using t = await serve()
  await using client = new Session(t)
  for (const [path, type, content] of [
    ['app.js', 'text/javascript; charset=utf-8', 'let a = 1'],
    ['numbers.txt', 'text/plain; charset=utf-8', '0123456789'],
    ['empty.txt', 'text/plain; charset=utf-8', ''],
    ['with%20space%20%C3%A9.txt', 'text/plain; charset=utf-8', 'spaced'],
    ['100%25.txt', 'text/plain; charset=utf-8', 'percent'],
    ['docs/a.css', 'text/css; charset=utf-8', 'a{}'],
  ] as const) {
    for (const method of ['GET', 'HEAD']) {
      // Twice: what is kept is the same.
      for (const _ of [1, 2]) {
        const response = await t.fetch(`/static/${path}`, { method })
        expect(response.status, path).toBe(200)
        expect(Object.fromEntries(response.headers)).toMatchObject({
          'content-type': type,
          'content-length': String(Buffer.byteLength(content)),
          'last-modified': HTTP_THEN,
          etag: expect.stringMatching(/^"[0-9a-f]+-[0-9a-f]+"$/),
          'accept-ranges': 'bytes',
          'cache-control': 'no-cache',
        })
        expect(await response.text()).toBe(method === 'GET' ? content : '')
        const two = await client.ask(`/static/${path}`, { ':method': method })
        expect([two.status, two.body, two.headers['content-length']]).toEqual([
          200,
          method === 'GET' ? content : '',
          String(Buffer.byteLength(content)),
        ])
      }
    }
  }
  const large = await t.fetch('/static/large.bin')
  expect(large.headers.get('content-type')).toBe('application/octet-stream')
  expect(Buffer.from(await large.arrayBuffer()).equals(LARGE)).toBe(true)
  expect((await client.ask('/static/large.bin')).bytes.equals(LARGE)).toBe(true)
  const head = await t.fetch('/static/large.bin', { method: 'HEAD' })
  expect(head.headers.get('content-length')).toBe('700000')
  expect((await t.fetch('/static/app.js', { method: 'POST' })).status).toBe(405)
  await until(() => t.server.stats().files.open === 0, 'every file is closed')
})

test('no path leads out of the folder', async () => {
  for (const options of [
    {},
    { dotfiles: 'allow' },
    { symlinks: 'refuse', dotfiles: 'allow' },
    { listing: true },
  ]) {
    await using t = await serve(options)
    await using client = await RawClient.to(t.server.port)
    for (const path of [
      '../secret.txt',
      '..%2fsecret.txt',
      '%2e%2e/secret.txt',
      '%2e%2e%2fsecret.txt',
      '.%2e/secret.txt',
      '..%5csecret.txt',
      '..\\secret.txt',
      '%2e%2e%5csecret.txt',
      'docs/../../secret.txt',
      'docs/..%2f..%2fsecret.txt',
      'docs/%2e%2e/%2e%2e/secret.txt',
      '%252e%252e/secret.txt',
      '....//secret.txt',
      '.../secret.txt',
      './../secret.txt',
      '/secret.txt',
      '//secret.txt',
      '/etc/passwd',
      '%2fetc%2fpasswd',
      'etc/passwd',
      'outside',
      'up/secret.txt',
      'up/public/numbers.txt',
      'loop',
      'numbers.txt%00',
      'numbers.txt%00.html',
      '%00',
      'numbers.txt%0a',
      'numbers.txt/',
      'numbers.txt/.',
      'numbers.txt/x',
      'docs//a.css',
      'docs/./a.css',
      `${'a'.repeat(300)}`,
      `${'a/'.repeat(2000)}b`,
    ]) {
      const reply = await client.get(`/static/${path}`)
      expect(reply.status, `${path} ${JSON.stringify(options)}`).toBe(404)
      expect(reply.body).not.toMatch(/secret$|root:/)
    }
    for (const path of ['%c0%ae%c0%ae/secret.txt', '%ff', '%', '%4']) {
      expect((await client.get(`/static/${path}`)).status, path).toBe(400)
    }
  }
})

test('links that stay inside are followed, others as the option says', async () => {
  const status = async (symlinks: 'inside' | 'follow' | 'refuse') => {
    await using t = await serve({ symlinks })
    const paths = ['inside', 'docs-link/a.css', 'outside', 'up/secret.txt', 'loop']
    return await Promise.all(paths.map(async (path) => (await t.fetch(`/static/${path}`)).status))
  }
  if (process.platform === 'linux') expect(await status('inside')).toEqual([200, 200, 404, 404, 404])
  expect(await status('refuse')).toEqual([404, 404, 404, 404, 404])
  expect(await status('follow')).toEqual([200, 200, 200, 200, 404])
})

test('dotfiles', async () => {
  for (const [dotfiles, status] of [
    ['ignore', 404],
    ['deny', 403],
    ['allow', 200],
  ] as const) {
    await using t = await serve({ dotfiles })
    for (const path of ['.env', '.git/config', '%2eenv', '.git/%63onfig']) {
      expect((await t.fetch(`/static/${path}`)).status, path).toBe(status)
    }
  }
})

test('folders: index, the slash at the end, and lists', async () => {
  await using t = await serve()
  const get = (path: string) => t.fetch(path, { redirect: 'manual' })
  expect(await (await get('/static/')).text()).toBe('<h1>home</h1>')
  expect(await (await get('/static/docs/')).text()).toBe('docs')
  for (const [path, location] of [
    ['/static', '/static/'],
    ['/static/docs', '/static/docs/'],
    ['/static/docs?a=b', '/static/docs/?a=b'],
    ['/static/bare', '/static/bare/'],
  ] as const) {
    const response = await get(path)
    expect([response.status, response.headers.get('location')]).toEqual([308, location])
  }
  expect((await get('/static/bare/')).status).toBe(404)

  await using listing = await serve({ listing: true, index: [] })
  const page = await listing.fetch('/static/bare/')
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
  const html = await page.text()
  expect(html).toContain('<a href="./sub/">sub/</a>')
  expect(html).toContain('<a href="./%3Cx%3E%26.txt">&lt;x&gt;&amp;.txt</a>')
  const home = await (await listing.fetch('/static/')).text()
  expect(home).toContain('numbers.txt')
  expect(home).not.toContain('.env')
  await using short = await serve({ listing: true, index: [], listingEntries: 2 })
  const cut = await (await short.fetch('/static/')).text()
  expect(cut).toContain('Only 2 names are shown')
})

test('at the root, in a scope, and beside other routes', async () => {
  const app = App.new()
    .get('/numbers.txt', () => 'a route')
    .get('/api/x', () => 'api')
    .service(
      scope('/in/:name')
        .files('/', root)
        .get('/', () => 'the scope'),
    )
    .service(scope('/other').files('/sub', root))
    .get('/one/*rest', files(root))
    .files('/', root)
  await using t = await testServer(app)
  const text = async (path: string) => (await t.fetch(path)).text()
  expect(await text('/')).toBe('<h1>home</h1>')
  expect(await text('/numbers.txt')).toBe('a route')
  expect(await text('/api/x')).toBe('api')
  expect(await text('/docs/')).toBe('docs')
  expect(await text('/in/a%2Fb/app.js')).toBe('let a = 1')
  expect(await text('/in/a/')).toBe('<h1>home</h1>')
  expect(await text('/in/a')).toBe('the scope')
  expect(await text('/other/sub/docs/a.css')).toBe('a{}')
  expect(await text('/other/sub')).toBe('<h1>home</h1>')
  expect(await text('/one/app.js')).toBe('let a = 1')
  await using client = await RawClient.to(t.server.port)
  for (const path of ['//evil.example', '//evil.example/..', '/\\evil.example', '/%2fevil.example']) {
    expect((await client.get(path)).status, path).toBe(404)
  }
  expect(String(app.explain('/app.js'))).toBe('GET /app.js -> /*path\n  answered by files')
  expect(() => App.new().get('/x', files(root)).explain('/x')).toThrow(/needs a path that ends in/)
})

test('a page stands in for what is not there, for those who accept one', async () => {
  await using t = await serve({ fallback: 'index.html' }, '/')
  const get = async (path: string, accept: string) => {
    const response = await t.fetch(path, { headers: { accept } })
    return [response.status, response.headers.get('content-type')]
  }
  expect(await get('/users/7', 'text/html,application/xhtml+xml,*/*;q=0.8')).toEqual([
    200,
    'text/html; charset=utf-8',
  ])
  expect(await get('/missing.js', '*/*')).toEqual([404, 'application/problem+json'])
  expect(await get('/docs/', 'text/html')).toEqual([200, 'text/html; charset=utf-8'])
  expect((await get('/.env', 'text/html'))[0]).toBe(404)
})

test('conditions', async () => {
  await using t = await serve()
  await using client = new Session(t)
  for (const path of ['/static/numbers.txt', '/static/large.bin']) {
    const etag = (await t.fetch(path, { method: 'HEAD' })).headers.get('etag') ?? ''
    for (const [headers, status] of [
      [{ 'if-none-match': etag }, 304],
      [{ 'if-none-match': `W/${etag}` }, 304],
      [{ 'if-none-match': '"x"' }, 200],
      [{ 'if-none-match': '"x"', 'if-modified-since': HTTP_THEN }, 200],
      [{ 'if-modified-since': HTTP_THEN }, 304],
      [{ 'if-modified-since': 'Sat, 05 Nov 1994 08:49:37 GMT' }, 200],
      [{ 'if-match': etag }, 200],
      [{ 'if-match': '"x"' }, 412],
      [{ 'if-match': '"x"', 'if-none-match': etag }, 412],
      [{ 'if-unmodified-since': 'Sat, 05 Nov 1994 08:49:37 GMT' }, 412],
      [{ 'if-unmodified-since': HTTP_THEN }, 200],
      [{ 'if-none-match': etag, range: 'bytes=0-0' }, 304],
    ] as [Record<string, string>, number][]) {
      for (const method of ['GET', 'HEAD']) {
        const reply = await client.ask(path, { ':method': method, ...headers })
        expect(reply.status, `${method} ${path} ${JSON.stringify(headers)}`).toBe(status)
        if (status === 304) {
          expect([reply.body, reply.headers.etag, reply.headers['cache-control']]).toEqual([
            '',
            etag,
            'no-cache',
          ])
          expect(reply.headers['content-type']).toBeUndefined()
        }
      }
    }
  }
  await until(() => t.server.stats().files.open === 0, 'every file is closed')
})

test.each([
  ['bytes=0-0', 206, '0', 'bytes 0-0/10'],
  ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
  ['bytes=5-', 206, '56789', 'bytes 5-9/10'],
  ['bytes=-3', 206, '789', 'bytes 7-9/10'],
  ['bytes=-30', 206, '0123456789', 'bytes 0-9/10'],
  ['bytes=9-100', 206, '9', 'bytes 9-9/10'],
  ['bytes=10-', 416, null, 'bytes */10'],
  ['bytes=-0', 416, null, 'bytes */10'],
  ['bytes=5-4', 200, '0123456789', undefined],
  ['bytes=a-b', 200, '0123456789', undefined],
  ['lines=0-1', 200, '0123456789', undefined],
  ['bytes=0-,0-', 200, '0123456789', undefined],
])('range %s', async (range, status, content, contentRange) => {
  await using t = await serve()
  await using client = await RawClient.to(t.server.port)
  for (const _ of [1, 2]) {
    const reply = await client.get('/static/numbers.txt', `range: ${range}\r\n`)
    expect([reply.status, reply.headers['content-range']]).toEqual([status, contentRange])
    if (content !== null) expect(reply.body).toBe(content)
    else expect(JSON.parse(reply.body)).toMatchObject({ status: 416, code: 'ARMATURE_RANGE_INVALID' })
  }
  client.send(
    `HEAD /static/numbers.txt HTTP/1.1\r\nhost: t\r\nrange: ${range}\r\n\r\nGET /static/app.js HTTP/1.1\r\nhost: t\r\n\r\n`,
  )
})

test('several ranges, of what is in memory and of what is not', async () => {
  await using t = await serve({ ranges: 3 })
  await using client = new Session(t)
  for (const [path, whole] of [
    ['/static/numbers.txt', Buffer.from('0123456789')],
    ['/static/large.bin', LARGE],
  ] as const) {
    const length = whole.length
    const reply = await client.ask(path, { range: `bytes=1-2, -3, 4-4` })
    expect(reply.status).toBe(206)
    expect(reply.headers['content-range']).toBeUndefined()
    expect(reply.headers['content-length']).toBe(String(reply.bytes.length))
    const boundary =
      /^multipart\/byteranges; boundary=(\w+)$/.exec(reply.headers['content-type'] ?? '')?.[1] ?? ''
    const parts = reply.bytes.toString('latin1').split(`\r\n--${boundary}`)
    expect([parts[0], parts.length, parts.at(-1)]).toEqual(['', 5, '--\r\n'])
    const ranges = [`1-2`, `${length - 3}-${length - 1}`, '4-4']
    for (const [index, range] of ranges.entries()) {
      const [head = '', body] = (parts[index + 1] ?? '').split('\r\n\r\n', 2)
      const [from = 0, to = 0] = range.split('-').map(Number)
      expect(head).toContain(`\r\nContent-Range: bytes ${range}/${length}`)
      expect(head).toMatch(/\r\nContent-Type: (text\/plain; charset=utf-8|application\/octet-stream)/)
      expect(body).toBe(whole.subarray(from, to + 1).toString('latin1'))
    }
    expect((await client.ask(path, { range: 'bytes=0-0,1-1,2-2,3-3' })).status).toBe(200)
  }
  const middle = await client.ask('/static/large.bin', { range: 'bytes=100000-599999' })
  expect(middle.bytes.equals(LARGE.subarray(100_000, 600_000))).toBe(true)
})

test('If-Range', async () => {
  await using t = await serve()
  const etag = (await t.fetch('/static/numbers.txt')).headers.get('etag') ?? ''
  const ask = async (condition: string) => {
    const headers = { range: 'bytes=0-1', 'if-range': condition }
    return (await t.fetch('/static/numbers.txt', { headers })).status
  }
  expect(await ask(etag)).toBe(206)
  expect(await ask(HTTP_THEN)).toBe(206)
  expect(await ask('"x"')).toBe(200)
  expect(await ask(`W/${etag}`)).toBe(200)
  expect(await ask('Mon, 07 Nov 1994 08:49:37 GMT')).toBe(200)
})

test('what was compressed before is sent to those who take it', async () => {
  await using t = await serve({ precompressed: true })
  await using client = new Session(t)
  const tags = new Set<unknown>()
  for (const [accept, coding] of [
    ['gzip, deflate, br, zstd', 'br'],
    ['gzip, br;q=0.5', 'gzip'],
    ['gzip', 'gzip'],
    ['zstd', undefined],
    ['br;q=0, gzip;q=0', undefined],
    ['identity, gzip;q=0.5', undefined],
    ['', undefined],
  ] as const) {
    for (const _ of [1, 2]) {
      const reply = await client.ask('/static/text.css', { 'accept-encoding': accept })
      expect([reply.status, reply.headers['content-encoding']], accept).toEqual([200, coding])
      expect([reply.headers['content-type'], reply.headers.vary]).toEqual([
        'text/css; charset=utf-8',
        'accept-encoding',
      ])
      tags.add(reply.headers.etag)
      if (coding === 'br') expect(brotliDecompressSync(reply.bytes).toString()).toBe('p{}'.repeat(1000))
    }
  }
  expect(tags.size).toBe(3)
  const plain = await client.ask('/static/no-br.js', { 'accept-encoding': 'br' })
  expect([plain.body, plain.headers['content-encoding'], plain.headers.vary]).toEqual([
    'plain',
    undefined,
    'accept-encoding',
  ])
  // A layer does not compress it again.
  await using layered = await testServer(
    App.new().wrap(Compress.default()).files('/', root, { precompressed: true }),
  )
  const once = await layered.fetch('/text.css', { headers: { 'accept-encoding': 'br' } })
  expect([once.headers.get('content-encoding'), await once.text()]).toEqual(['br', 'p{}'.repeat(1000)])
})

test('JavaScript middleware sees a native response, which Rust sends', async () => {
  const app = App.new()
    .wrap(async (req, next) => {
      if (req.queryParam('no') !== undefined) return HttpResponse.forbidden('no')
      const res = await next()
      return res.header('x-seen', req.route).header('cache-control', 'private')
    })
    .files('/static', root)
  await using t = await testServer(app)
  for (const [path, content] of [
    ['numbers.txt', '0123456789'],
    ['large.bin', LARGE.toString('latin1')],
  ] as const) {
    const response = await t.fetch(`/static/${path}`)
    expect([response.headers.get('x-seen'), response.headers.get('cache-control')]).toEqual([
      '/static/*path',
      'private',
    ])
    expect(Buffer.from(await response.arrayBuffer()).toString('latin1')).toBe(content)
    const part = await t.fetch(`/static/${path}`, { headers: { range: 'bytes=1-1' } })
    expect([part.status, part.headers.get('x-seen')]).toEqual([206, '/static/*path'])
  }
  expect((await t.fetch('/static/numbers.txt?no=1')).status).toBe(403)
  expect(await (await app.inject('/static/numbers.txt')).text()).toBe('0123456789')
})

test('a file that changes is sent as it is, at the latest after `fresh`', async () => {
  put('public/changing.txt', 'one')
  await using t = await serve({ fresh: 0 })
  const get = async () => (await t.fetch('/static/changing.txt')).text()
  expect(await get()).toBe('one')
  put('public/changing.txt', 'three')
  expect(await get()).toBe('three')
  const later = new Date(THEN.getTime() + 1000)
  writeFileSync(join(root, 'changing.txt'), 'tree!')
  utimesSync(join(root, 'changing.txt'), later, later)
  expect(await get()).toBe('tree!')
  rmSync(join(root, 'changing.txt'))
  expect((await t.fetch('/static/changing.txt')).status).toBe(404)
  // One that was changed just now may change again without another tag: it is a weak one.
  writeFileSync(join(root, 'young.txt'), 'young')
  expect((await t.fetch('/static/young.txt')).headers.get('etag')).toMatch(/^W\//)
  put('public/kept.txt', 'kept')
  await using kept = await serve({ fresh: '1h' })
  expect(await (await kept.fetch('/static/kept.txt')).text()).toBe('kept')
  put('public/kept.txt', 'lost')
  expect(await (await kept.fetch('/static/kept.txt')).text()).toBe('kept')
  expect(kept.server.stats().files.cached).toBeGreaterThan(0)
})

test('a file that is replaced is sent to its end, one that is cut resets the connection', async () => {
  put('public/going.bin', Buffer.alloc(30_000_000, 'a'))
  await using t = await serve()
  const begin = async () => {
    const client = await RawClient.to(t.server.port)
    client.socket.pause()
    client.send('GET /static/going.bin HTTP/1.1\r\nhost: t\r\n\r\n')
    await until(() => t.server.stats().files.open === 1, 'the file is open')
    return client
  }
  {
    await using client = await begin()
    put('public/new.bin', 'b')
    renameSync(join(root, 'new.bin'), join(root, 'going.bin'))
    client.socket.resume()
    const reply = await client.read()
    expect([reply.body.length, reply.body.includes('b')]).toEqual([30_000_000, false])
  }
  await until(() => t.server.stats().files.open === 0, 'the file is closed')
  put('public/going.bin', Buffer.alloc(30_000_000, 'a'))
  {
    await using client = await begin()
    truncateSync(join(root, 'going.bin'), 100_000)
    client.socket.resume()
    await expect(client.read()).rejects.toThrow()
  }
  {
    // Who leaves in the middle costs nothing afterwards.
    put('public/going.bin', Buffer.alloc(30_000_000, 'a'))
    await using client = await begin()
    client.socket.destroy()
  }
  await until(() => t.server.stats().files.open === 0, 'the file is closed')
})

test('more open files than may be are 503, and counted', async () => {
  put('public/long.bin', Buffer.alloc(30_000_000, 'a'))
  await using t = await testServer(App.new({ files: { open: 1 } }).files('/static', root))
  await using client = await RawClient.to(t.server.port)
  client.socket.pause()
  client.send('GET /static/long.bin HTTP/1.1\r\nhost: t\r\n\r\n')
  await until(() => t.server.stats().files.open === 1, 'the file is open')
  const refused = await t.fetch('/static/long.bin')
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
  expect((await t.fetch('/static/numbers.txt')).status).toBe(200)
  expect(t.server.stats().shedBy.files).toBe(1)
})

test('large files stay open, as many as `files.keptOpen` says, and are found anew when they change', async () => {
  put('public/one.bin', Buffer.alloc(300_000, 'a'))
  put('public/two.bin', Buffer.alloc(3_000_000, 'b'))
  await using none = await testServer(App.new({ files: { keptOpen: 0 } }).files('/static', root))
  expect((await none.fetch('/static/one.bin')).status).toBe(200)
  expect(none.server.stats().files.kept).toBe(0)
  await using t = await testServer(
    App.new({ files: { keptOpen: 1 } }).files('/static', root, { fresh: '1h' }),
  )
  await using two = new Session(t)
  const get = async (path: string) => Buffer.from(await (await t.fetch(path)).arrayBuffer())
  for (const _ of [1, 2, 3]) {
    for (const [path, length, letter] of [
      ['/static/one.bin', 300_000, 'a'],
      ['/static/two.bin', 3_000_000, 'b'],
    ] as const) {
      for (const _ of [1, 2]) {
        expect((await get(path)).equals(Buffer.alloc(length, letter)), path).toBe(true)
        expect((await two.ask(path)).bytes.equals(Buffer.alloc(length, letter)), path).toBe(true)
        expect(t.server.stats().files.kept).toBeLessThanOrEqual(1)
      }
    }
  }
  expect(t.server.stats().files.kept).toBe(process.platform === 'linux' ? 1 : 0)
  const before = await t.fetch('/static/two.bin', { method: 'HEAD' })
  // Of the same length and the same time, so that validators do not tell.
  put('public/other.bin', Buffer.alloc(3_000_000, 'c'))
  renameSync(join(root, 'other.bin'), join(root, 'two.bin'))
  expect((await get('/static/two.bin')).equals(Buffer.alloc(3_000_000, 'c'))).toBe(true)
  expect((await t.fetch('/static/two.bin', { method: 'HEAD' })).headers.get('etag')).toBe(
    before.headers.get('etag'),
  )
  writeFileSync(join(root, 'two.bin'), 'short')
  expect((await get('/static/two.bin')).toString()).toBe('short')
  await until(() => t.server.stats().files.open === 0, 'no file is being sent')
})

test('a wrong `files.keptOpen` is refused with its name', async () => {
  const run = App.new({ files: { keptOpen: 1_000_001 } }).run('127.0.0.1:0')
  await expect(run).rejects.toMatchObject({
    code: 'ARMATURE_OPTION_INVALID',
    message: expect.stringContaining('files.keptOpen: 1000001 is not a number from 0 to 1000000'),
  })
})

test('a gigabyte needs little memory, and many who are slow do too', async () => {
  const path = join(root, 'gigabyte.bin')
  writeFileSync(path, '')
  truncateSync(path, 1 << 30)
  await using t = await serve()
  await (await t.fetch('/static/numbers.txt')).text()
  const before = process.memoryUsage().rss
  let most = 0
  let received = 0
  const response = await t.fetch('/static/gigabyte.bin')
  const slow: RawClient[] = []
  for (let n = 0; n < 20; n++) {
    const client = await RawClient.to(t.server.port)
    client.socket.pause()
    client.send('GET /static/gigabyte.bin HTTP/1.1\r\nhost: t\r\n\r\n')
    slow.push(client)
  }
  for await (const chunk of response.body ?? []) {
    received += chunk.length
    most = Math.max(most, process.memoryUsage.rss())
  }
  expect(received).toBe(1 << 30)
  // Of this process, with the client and its garbage in it.
  expect(most - before).toBeLessThan(200 << 20)
  for (const client of slow) client.socket.destroy()
}, 60_000)

test('curl goes on where it was interrupted', async (context) => {
  needsTool(context, 'curl', '--version')
  await using t = await serve({ precompressed: true })
  const run = promisify(execFile)
  const out = join(top, 'out.bin')
  writeFileSync(out, LARGE.subarray(0, 123_456))
  await run('curl', ['-s', '-C', '-', '-o', out, `${t.url}/static/large.bin`])
  expect(readFileSync(out).equals(LARGE)).toBe(true)
  const { stdout } = await run('curl', ['-s', '-r', '2-3', `${t.url}/static/numbers.txt`])
  expect(stdout).toBe('23')
  const compressed = await run('curl', ['-s', '--compressed', `${t.url}/static/text.css`])
  expect(compressed.stdout).toBe('p{}'.repeat(1000))
  const raw = [
    '-s',
    '--path-as-is',
    '-o',
    '/dev/null',
    '-w',
    '%{http_code}',
    `${t.url}/static/../../secret.txt`,
  ]
  expect((await run('curl', raw)).stdout).toBe('404')
})

test('wrong folders and options are refused', async () => {
  const error = async (dir: string, options: object) => {
    try {
      await App.new()
        .files('/x', dir, options as never)
        .inject('/')
    } catch (error) {
      return String(error)
    }
    throw new Error('it started')
  }
  expect(await error(join(top, 'nowhere'), {})).toMatch(
    /TypeError.*files\(\)\.dir: '.*nowhere' is not a folder/,
  )
  expect(await error(join(top, 'secret.txt'), {})).toMatch(/is not a folder/)
  expect(await error(root, { indx: [] })).toMatch(/files\(\)\.indx/)
  expect(await error(root, { fallback: '../secret.txt' })).toMatch(/files\(\)\.fallback/)
  expect(await error(root, { dotfiles: 'maybe' })).toMatch(/files\(\)\.dotfiles/)
  expect(() => App.new().files('/x', 7 as never)).toThrow(TypeError)
  expect(() => App.new().files('x', root)).toThrow(TypeError)
  expect(() => App.new().files('/x', new URL('http://a.example/'))).toThrow(TypeError)
  await expect(App.new({ files: { threads: 0 } }).run('127.0.0.1:0')).rejects.toThrow(/files\.threads/)
})

test('HttpResponse.file: Rust sends what a handler names', async () => {
  const app = App.new()
    .get('/in/*path', (req) => HttpResponse.file(req.param('path'), { root }))
    .get('/any', (req) => HttpResponse.file(req.queryParam('path') ?? ''))
    .get('/later', async () => HttpResponse.file('numbers.txt', { root }).header('cache-control', 'private'))
    .get('/typed', () => HttpResponse.file('numbers.txt', { root, type: 'application/x-numbers' }))
    .get('/status', () => HttpResponse.file('index.html', { root }).status(404))
    .get('/download', () => HttpResponse.file('numbers.txt', { root, download: true }))
    .get('/named', () => HttpResponse.file('numbers.txt', { root, download: 'Größe "1".txt' }))
    .get('/read', async (_req) => {
      const res = HttpResponse.file('numbers.txt', { root })
      return [res.value, res.statusCode, res.isStream]
    })
    .post('/post', () => HttpResponse.file('numbers.txt', { root }))
    .get('/replaced', () => HttpResponse.file('numbers.txt', { root }).body('text'))
  await using t = await testServer(app)
  await using client = new Session(t)
  const text = async (path: string) => (await t.fetch(path)).text()
  expect(await text('/in/docs/a.css')).toBe('a{}')
  expect(await text(`/any?path=${encodeURIComponent(join(top, 'secret.txt'))}`)).toBe('secret')
  const large = await client.ask('/in/large.bin')
  expect(large.bytes.equals(LARGE)).toBe(true)
  expect(large.headers).toMatchObject({ etag: expect.anything(), 'accept-ranges': 'bytes' })
  const later = await client.ask('/later', { range: 'bytes=2-3' })
  expect([later.status, later.body, later.headers['cache-control']]).toEqual([206, '23', 'private'])
  expect((await client.ask('/later', { 'if-none-match': String(later.headers.etag) })).status).toBe(304)
  expect((await client.ask('/later', { ':method': 'HEAD' })).headers['content-length']).toBe('10')
  expect((await client.ask('/typed')).headers['content-type']).toBe('application/x-numbers')
  const status = await client.ask('/status', { range: 'bytes=0-1' })
  expect([status.status, status.body]).toEqual([404, '<h1>home</h1>'])
  expect((await client.ask('/download')).headers['content-disposition']).toBe(
    'attachment; filename="numbers.txt"',
  )
  expect((await client.ask('/named')).headers['content-disposition']).toBe(
    `attachment; filename="Gr__e _1_.txt"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%221%22.txt`,
  )
  expect(await (await t.fetch('/read')).json()).toEqual(['numbers.txt', 200, false])
  const posted = await client.ask(
    '/post',
    { ':method': 'POST', 'if-none-match': '*', range: 'bytes=0-0' },
    '',
  )
  expect([posted.status, posted.body]).toEqual([200, '0123456789'])
  expect(await text('/replaced')).toBe('text')
  for (const path of [
    'outside',
    'up/secret.txt',
    '%2e%2e%2fsecret.txt',
    '.env',
    'missing',
    'docs',
    'a%00b',
    'etc/passwd',
  ]) {
    expect((await t.fetch(`/in/${path}`)).status, path).toBe(404)
  }
  expect((await t.fetch('/any?path=')).status).toBe(500)
  expect(await (await app.inject('/in/numbers.txt')).text()).toBe('0123456789')
  expect(() => fixed(HttpResponse.file('x'))).toThrow(TypeError)
  expect(() => HttpResponse.file(7 as never)).toThrow(TypeError)
  expect(() => HttpResponse.file('x', { download: 7 as never })).toThrow(TypeError)
  await until(() => t.server.stats().files.open === 0, 'every file is closed')
})
