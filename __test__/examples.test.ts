// Every example as its reader runs it: compiled, started as a process, called, stopped by Ctrl-C.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { connect } from 'node:http2'
import { dirname, join } from 'node:path'
import { json } from 'node:stream/consumers'
import { afterAll, describe, expect, type TestContext, test, vi } from 'vitest'
import { bin, cacheDir, root } from '../scripts/lib/paths.mjs'
import { node } from '../scripts/lib/run.mjs'
import { startServer } from '../scripts/testing/process.mjs'
import { Browser } from './browser.js'
import { TestEventSource } from './event-source.js'
import { isInline, needsTool, until } from './helper.js'
import { Http3Session } from './http3-client.js'
import { Client } from './websocket/client.js'

// Compilers are started here, on machines that may be busy.
vi.setConfig({ testTimeout: 120_000 })

const examples = join(root, 'examples')

type Format = 'module' | 'commonjs'

/** The options of every example but `hello`, which is not compiled. */
const tsconfig = join(examples, 'rest-crud/tsconfig.json')

// Both drivers' runs of these tests may be at it at the same time.
const compiled = join(cacheDir, 'examples', String(process.pid))
afterAll(() => rmSync(compiled, { recursive: true, force: true }))

/** Lines of the compiler. */
type Compiled = { folder: string; code: number; lines: string[] }

/** Compiles all examples, into a folder from which '@armature/core' resolves: what they have in common is most of the work. */
async function compileAll(format: Format): Promise<Compiled> {
  const folder = join(compiled, format)
  mkdirSync(folder, { recursive: true })
  const commonjs = { module: 'commonjs', moduleResolution: 'bundler' }
  const compilerOptions = { rootDir: examples, outDir: folder, ...(format === 'commonjs' && commonjs) }
  const project = { extends: tsconfig, compilerOptions, include: [join(examples, '*/*.ts')] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(project))
  writeFileSync(join(folder, 'package.json'), `{ "type": "${format}" }\n`)
  const { code, stdout } = await node([bin.tsc, '-p', folder, '--pretty', 'false'], { stdout: 'pipe' })
  return { folder, code, lines: stdout.split('\n').filter((line) => line !== '') }
}

const compilations: Partial<Record<Format, Promise<Compiled>>> = {}
const compilation = (format: Format) => {
  compilations[format] ??= compileAll(format)
  return compilations[format]
}

/** The script of an example, compiled. */
async function compile(name: string, format: Format): Promise<string> {
  const { folder, lines } = await compilation(format)
  expect(lines.filter((line) => line.includes(`examples/${name}/`))).toEqual([])
  return join(folder, name, 'server.js')
}

const post = (body: unknown) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})

/** `script` is what runs, `output` what it has printed. */
type Call = (url: string, script: string, output: () => string, context: TestContext) => Promise<void>

const calls: Record<string, Call> = {
  hello: async (url) => {
    expect(await (await fetch(url)).text()).toBe('Hello from Armature\n')
    expect(await (await fetch(`${url}/users/42`)).json()).toEqual({ id: '42', name: 'Alice' })
    expect(await (await fetch(`${url}/echo`, post({ say: 'hello' }))).json()).toEqual({ say: 'hello' })
  },

  'rest-crud': async (url) => {
    const notes = `${url}/api/notes`
    const created = await fetch(notes, post({ title: 'Milk', text: 'two' }))
    expect([created.status, created.headers.get('location')]).toEqual([201, '/api/notes/1'])
    expect(await created.json()).toEqual({ id: '1', title: 'Milk', text: 'two' })
    expect(await (await fetch(`${notes}?search=Bread`)).json()).toEqual([])
    expect(await (await fetch(`${notes}?search=Mi`)).json()).toHaveLength(1)
    const put = await fetch(`${notes}/1`, { ...post({ title: 'Bread' }), method: 'PUT' })
    expect(await put.json()).toEqual({ id: '1', title: 'Bread', text: '' })
    const wrong = await fetch(notes, post({ text: 'no title' }))
    expect([wrong.status, wrong.headers.get('content-type')]).toEqual([422, 'application/problem+json'])
    expect(await wrong.json()).toMatchObject({
      status: 422,
      detail: 'a note has a title',
      code: 'note_invalid',
    })
    expect((await fetch(`${notes}/1`, { method: 'DELETE' })).status).toBe(204)
    expect((await fetch(`${notes}/1`)).status).toBe(404)
    expect((await fetch(`${notes}/1`, { method: 'PATCH' })).status).toBe(405)
  },

  streaming: async (url) => {
    expect(await (await fetch(`${url}/count/3`)).text()).toBe('1\n2\n3\n')
    const ticks = await fetch(`${url}/ticks`)
    const chunks: string[] = []
    for await (const chunk of ticks.body ?? []) chunks.push(Buffer.from(chunk).toString())
    expect(chunks.join('')).toBe('tick 0\ntick 1\ntick 2\ntick 3\ntick 4\n')
    expect(chunks.length).toBeGreaterThan(1)
    const body = Buffer.alloc(3_000_000, 'armature')
    const sha256 = createHash('sha256').update(body).digest('hex')
    const upload = await fetch(`${url}/upload`, { method: 'PUT', body })
    expect(await upload.json()).toEqual({ bytes: body.length, sha256 })
  },

  context: async (url) => {
    const [found, missing] = await Promise.all([fetch(`${url}/orders/7`), fetch(`${url}/orders/0`)])
    expect([found.status, await found.json()]).toEqual([200, { id: '7', items: 3 }])
    expect(missing.status).toBe(404)
    const lines: string[] = await (await fetch(`${url}/lines`)).json()
    const of = (id: number) => lines.filter((line) => line.startsWith(`GET /orders/${id} (`))
    expect(lines).toHaveLength(4)
    expect([of(7)[1], of(0)[1]]).toEqual([
      expect.stringMatching(/found 3 items$/),
      expect.stringMatching(/found nothing$/),
    ])
    const metrics = await (await fetch(`${url}/metrics`)).json()
    expect(metrics['/orders/:id']).toMatchObject({ count: 2, errors: 1, slowest: expect.any(Number) })
  },

  https: async (url, script, output) => {
    const session = connect(url, { ca: readFileSync(join(dirname(script), 'localhost.pem')) })
    const stream = session.request({ ':path': '/' })
    const [head] = await once(stream, 'response')
    expect(head['strict-transport-security']).toBe('max-age=300')
    expect(await json(stream)).toEqual({
      protocol: 'HTTP/2',
      secure: true,
      version: 'TLSv1.3',
      cipher: expect.stringMatching(/^TLS_/),
    })
    session.close()
    const plain = () => /redirecting from (http:\S+)\n/.exec(output())?.[1]
    await until(() => plain() !== undefined)
    const redirect = await fetch(`${plain()}/a?b=c`, { redirect: 'manual' })
    expect([redirect.status, redirect.headers.get('location')]).toEqual([308, `${url}/a?b=c`])
  },

  http3: async (url, script, _, context) => {
    const ca = join(dirname(script), 'localhost.pem')
    const { port } = new URL(url)
    const session = connect(url, { ca: readFileSync(ca) })
    const stream = session.request({ ':path': '/' })
    const [head] = await once(stream, 'response')
    // Where to go from here.
    expect(head['alt-svc']).toContain(`h3=":${port}"`)
    expect(await json(stream)).toMatchObject({ protocol: 'HTTP/2' })
    session.close()
    await using http3 = await Http3Session.to(context, { ca, port: Number(port) })
    expect(JSON.parse((await http3.ask({ path: '/' })).body)).toEqual({
      protocol: 'HTTP/3',
      version: 'TLSv1.3',
      cipher: expect.stringMatching(/^TLS_/),
    })
    const { headers } = await http3.ask({ path: '/page' })
    expect(headers['content-type']).toBe('text/html; charset=utf-8')
  },

  logging: async (url) => {
    expect(await (await fetch(`${url}/orders/7?token=secret`)).json()).toEqual({ id: '7', items: 3 })
    expect((await fetch(`${url}/orders/0`)).status).toBe(404)
    const lines = async () => (await (await fetch(`${url}/log`)).json()) as Record<string, unknown>[]
    // A thread writes them.
    await expect.poll(async () => (await lines()).length).toBe(6)
    const all = await lines()
    const of = (order: string) =>
      all.filter((line) => line.order === order || line.url === `/orders/${order}`)
    // What JavaScript says and what Rust says of requests come by two ways: the first request may be written before.
    expect(all.find(({ msg }) => msg === 'starting')).toMatchObject({ level: 'info' })
    expect(all.map((line) => line.url)).toContain('/orders/7?token=[redacted]')
    expect(
      of('0')
        .map((line) => line.msg ?? line.status)
        .sort(),
    ).toEqual([404, 'looking', 'there is no order 0'])
    expect(new Set(of('0').map((line) => line.requestId)).size).toBe(1)
    expect(of('0').map((line) => line.route)).toEqual(Array(3).fill('/orders/:id'))
  },

  'cached-api': async (url) => {
    const get = async (path: string) => {
      const response = await fetch(url + path)
      return { status: response.headers.get('cache-status'), body: (await response.json()) as unknown[] }
    }
    expect(await get('/articles?author=ada')).toMatchObject({ status: 'armature; fwd=uri-miss; stored' })
    const hit = await get('/articles?author=ada&utm_source=mail')
    expect([hit.status, hit.body.length]).toEqual(['armature; hit', 2])
    const article = { title: 'Memory is bounded', author: 'ada' }
    expect((await fetch(`${url}/articles/4`, { ...post(article), method: 'PUT' })).status).toBe(204)
    expect((await get('/articles?author=ada')).body).toHaveLength(3)
    const author = async (name: string) => (await (await fetch(`${url}/authors/${name}`)).json()) as unknown
    expect(await author('ada')).toEqual({ author: 'ada', articles: 3 })
    expect(await author('bob')).toEqual({ author: 'bob', articles: 1 })
    const moved = { title: 'Loops share nothing', author: 'eve' }
    expect((await fetch(`${url}/articles/3`, { ...post(moved), method: 'PUT' })).status).toBe(204)
    expect(await author('bob')).toEqual({ author: 'bob', articles: 0 })
    expect(await (await fetch(`${url}/runs`)).json()).toMatchObject({
      runs: 2,
      countings: 2,
      cache: { hits: 1, purged: 2 },
    })
  },

  chat: async (url) => {
    expect(await (await fetch(url)).text()).toContain('<title>chat</title>')
    const join = (name: string) => Client.open(`${url}/rooms/lobby?name=${name}`)
    const event = async (client: Client, name: string) => {
      for (;;) {
        const [event, payload] = JSON.parse(String(await client.next())) as [string, unknown]
        if (event === name) return payload
      }
    }
    await using ada = await join('ada')
    expect(await event(ada, '$presence')).toEqual({ room: 'lobby', count: 1 })
    const bob = await join('bob')
    expect(await event(ada, '$joined')).toEqual({ room: 'lobby', member: 'bob', count: 2 })
    expect(await event(bob, '$presence')).toEqual({ room: 'lobby', count: 2 })
    bob.send('["say",{"text":"hello"}]')
    for (const client of [ada, bob]) {
      expect(await event(client, 'said')).toEqual({ name: 'bob', text: 'hello' })
    }
    bob.socket.close()
    expect(await event(ada, '$left')).toEqual({ room: 'lobby', member: 'bob', count: 1 })
    // Two people in browsers: who comes and speaks is seen by the other, and by us.
    await using browser = await Browser.start()
    const [eve, fay] = await Promise.all(
      ['eve', 'fay'].map((name) => browser.open(`${url}/?room=tea&name=${name}`)),
    )
    await eve?.until("document.getElementById('count').textContent === '2'")
    await fay?.until("document.getElementById('count').textContent === '2'")
    await eve?.run("document.forms[0].text.value = 'is it <b>hot</b>?'; document.forms[0].requestSubmit()")
    await fay?.until("document.getElementById('log').textContent.includes('eve: is it <b>hot</b>?\\n')")
    await fay?.run("document.forms[0].text.value = '/room lobby'; document.forms[0].requestSubmit()")
    expect(await event(ada, '$joined')).toEqual({ room: 'lobby', member: 'fay', count: 2 })
    await eve?.until("document.getElementById('log').textContent.endsWith('fay left\\n')")
    await eve?.until("document.getElementById('count').textContent === '1'")
    ada.send('["say",{"text":"welcome"}]')
    await fay?.until("document.getElementById('log').textContent.includes('ada: welcome')")
  },

  middleware: async (url) => {
    const open = await fetch(url)
    expect(await open.text()).toBe('open to all\n')
    expect(open.headers.get('server-timing')).toMatch(/^app;dur=\d/)
    expect((await fetch(`${url}/private/me`)).status).toBe(401)
    const me = await fetch(`${url}/private/me`, { headers: { authorization: 'Bearer alice' } })
    expect(await me.json()).toEqual({ name: 'Alice', id: expect.any(String) })
    const report = await fetch(`${url}/report`)
    expect([report.status, report.headers.get('retry-after')]).toEqual([503, '5'])
    const nowhere = await fetch(`${url}/nowhere`)
    expect([nowhere.status, await nowhere.json()]).toMatchObject([404, { detail: 'no page /nowhere' }])
  },

  sse: async (url) => {
    const watchers = async () =>
      ((await (await fetch(`${url}/watchers`)).json()) as { watchers: number }).watchers
    expect(await (await fetch(url)).text()).toContain("new EventSource('/events')")
    await fetch(`${url}/events`, { method: 'HEAD' })
    expect(await watchers()).toBe(0)
    {
      using source = new TestEventSource(`${url}/events`)
      await source.until((s) => s.events.length === 1)
      expect(await (await fetch(`${url}/increment`, { method: 'POST' })).json()).toEqual({ count: 1 })
      await source.until((s) => s.events.length === 2)
      expect(source.events).toEqual([
        { type: 'count', data: '{"count":0}', lastEventId: '0' },
        { type: 'count', data: '{"count":1}', lastEventId: '1' },
      ])
      expect(source.retry).toBe(1000)
    }
    await expect.poll(watchers).toBe(0)
    // The server that is stopped has somebody who watches.
    const headers = { 'last-event-id': '1' }
    const [res] = (await once(get(`${url}/events`, { headers }), 'response')) as [IncomingMessage]
    expect(String((await once(res, 'data'))[0])).toBe('retry: 1000\n\n')
  },

  'static-site': async (url) => {
    const page = await fetch(url)
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(await page.text()).toContain('<h1>Static site</h1>')
    const style = await fetch(`${url}/assets/site.5f3a9c.css`, { headers: { 'accept-encoding': 'gzip' } })
    expect(style.headers.get('content-encoding')).toBe('gzip')
    expect(style.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
    expect(await style.text()).toContain('font-family')
    const part = await fetch(`${url}/licence`, { headers: { range: 'bytes=0-6' } })
    expect([part.status, await part.text()]).toEqual([206, 'Do with'])
    expect(part.headers.get('content-disposition')).toBe('attachment; filename="LICENCE.txt"')
    const deep = await fetch(`${url}/any/page`, { headers: { accept: 'text/html' } })
    expect([deep.status, await deep.text()]).toEqual([200, expect.stringContaining('Static site')])
    expect((await fetch(`${url}/assets/missing.js`)).status).toBe(404)
    expect(await (await fetch(`${url}/api/time`)).json()).toEqual({ time: expect.any(String) })
  },

  workers: async (url) => {
    const threads = new Set<number>()
    const ask = async () => threads.add(((await (await fetch(url)).json()) as { thread: number }).thread)
    for (let n = 0; n < 8; n++) await ask()
    expect(threads.size).toBe(4)
    expect(await (await fetch(`${url}/primes/100`)).json()).toMatchObject({ primes: 25 })
    const exit = async () => (await fetch(`${url}/exit`, { method: 'POST' })).status
    await expect.poll(exit, { interval: 1 }).toBe(503)
    // The thread that takes the place has a number of its own.
    await expect.poll(async () => (await ask()).size, { interval: 1 }).toBe(5)
  },
}

test('every example has a test', () => {
  expect(readdirSync(examples).sort()).toEqual(Object.keys(calls).sort())
})

test.for(['module', 'commonjs'] as const)('they pass the type checker: %s', async (format) => {
  const { code, lines } = await compilation(format)
  expect(lines).toEqual([])
  expect(code).toBe(0)
})

test.for(Object.keys(calls).filter((name) => name !== 'hello'))('%s has the options of all', (name) => {
  expect(readFileSync(join(examples, name, 'tsconfig.json'), 'utf8')).toBe(readFileSync(tsconfig, 'utf8'))
})

test('hello passes the type checker', async () => {
  const { code, stdout } = await node([bin.tsc, '-p', join(examples, 'hello')], { stdout: 'pipe' })
  expect(stdout).toBe('')
  expect(code).toBe(0)
})

const hello = { module: 'hello/server.mjs', commonjs: 'hello/server.cjs' } as const

describe.each(Object.entries(calls))('%s', (name, call) => {
  test.for(['module', 'commonjs'] as const)(
    'answers, and ends cleanly on SIGINT: %s',
    async (format, context) => {
      if (name.startsWith('http')) needsTool(context, 'openssl', 'version')
      const script = name === 'hello' ? join(examples, hello[format]) : await compile(name, format)
      // Inline there is one JavaScript thread.
      if (name === 'workers' && isInline) return
      const server = await startServer([script], {
        env: { HTTP_PORT: '0', SITE: join(examples, 'static-site', 'public') },
      })
      await call(server.url, script, server.output, context)
      expect(await server.end('SIGINT')).toBe(0)
    },
  )
})
