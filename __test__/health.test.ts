// Health: probes that Rust answers from the last results of checks.
import { type ChildProcess, fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { App, Health, type HealthCheckOptions, type HealthOptions, HttpResponse, scope } from '@armature/core'
import { type TestServer, testServer } from '@armature/core/testing'
import { afterEach, expect, test } from 'vitest'
import { isInline, needsTool, RawClient, until } from './helper.js'
import { Session } from './http2-client.js'

const QUICK: HealthCheckOptions = { interval: '10ms', timeout: '10s' }

const status = async (t: TestServer, path: string) => (await t.fetch(path)).status

async function untilStatus(t: TestServer, path: string, expected: number): Promise<void> {
  const deadline = Date.now() + 10_000
  while ((await status(t, path)) !== expected) {
    if (Date.now() > deadline) throw new Error(`${path} is not ${expected}`)
  }
}

test('probes, over HTTP/1 and HTTP/2 and without a socket', async () => {
  const app = App.new()
    .wrap(Health.default())
    .get('/', () => 'hello')
  await using t = await testServer(app)
  await using client = new Session(t)
  await using raw = await RawClient.to(t.server.port)
  for (const path of ['/healthz', '/readyz', '/readyz?verbose']) {
    const reply = await raw.get(path)
    expect([reply.status, reply.body]).toEqual([200, '{"status":"pass"}'])
    expect(reply.headers).toMatchObject({
      'content-type': 'application/health+json',
      'cache-control': 'no-store',
      'content-length': '17',
    })
    expect(await client.ask(path)).toMatchObject({ status: 200, body: '{"status":"pass"}' })
    const head = await t.fetch(path, { method: 'HEAD' })
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '17', ''])
    const posted = await t.fetch(path, { method: 'POST', body: 'x' })
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
    expect((await app.inject(path)).status).toBe(200)
  }
  expect([await status(t, '/'), await status(t, '/healthz/x'), await status(t, '/health')]).toEqual([
    200, 404, 404,
  ])
  expect(t.server.stats().health).toEqual([{ live: true, ready: true, checks: [] }])
})

test('other paths, per scope and per route', async () => {
  const app = App.new()
    .service(scope('/admin').wrap(Health.new({ liveness: '/admin/live', readiness: '/admin/ready' })))
    .get('/one', { use: [Health.new({ liveness: '/one' })] }, () => 'not asked')
  await using t = await testServer(app)
  const paths = ['/admin/live', '/admin/ready', '/one', '/readyz', '/healthz']
  expect(await Promise.all(paths.map((path) => status(t, path)))).toEqual([200, 200, 200, 404, 404])
})

test.each<[string, () => unknown, string]>([
  [
    'a check that throws',
    () => {
      throw new Error('the secret')
    },
    'failed',
  ],
  ['one that rejects', () => Promise.reject(new Error('the secret')), 'failed'],
  ['one that gives false', () => false, 'failed'],
  ['one that comes to false', async () => false, 'failed'],
  ['one that has not ended', () => new Promise(() => {}), 'pending'],
])('%s fails readiness, and nothing of why is told to clients', async (_, run, state) => {
  const health = Health.new({ details: true })
    .check('it', run)
    .check('other', () => {})
  await using t = await testServer(App.new({ log: { level: 'silent' } }).wrap(health))
  await until(() => t.server.stats().health[0]?.checks[0]?.state === state, state)
  const response = await t.fetch('/readyz')
  expect(response.status).toBe(503)
  expect(await response.json()).toEqual({
    status: 'fail',
    checks: { it: [{ status: 'fail', output: state }], other: [{ status: 'pass' }] },
  })
  expect(await (await t.fetch('/healthz')).json()).toEqual({ status: 'pass', checks: {} })
})

test('results follow the checks; a change is logged once', async () => {
  const lines: string[] = []
  const log = {
    debug: () => {},
    warn: () => {},
    info: (text: string) => lines.push(text),
    error: (error: Error, text: string) => lines.push(`${text}: ${error.message}`),
    child: () => log,
  }
  let works = true
  let runs = 0
  const check = async () => {
    runs++
    if (!works) throw new Error(`run ${runs > 0}`)
  }
  const app = App.new({ log }).wrap(Health.default().check('database', check, QUICK))
  await using t = await testServer(app)
  await untilStatus(t, '/readyz', 200)
  works = false
  await untilStatus(t, '/readyz', 503)
  const before = runs
  await until(() => runs > before + 3, 'further runs')
  works = true
  await untilStatus(t, '/readyz', 200)
  expect(lines).toEqual(["health check 'database' failed: run true", "health check 'database' passes again"])
  await t.close()
  const after = runs
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(runs, 'nothing runs any more').toBe(after)
})

test('a run that takes too long has failed, is told so, and holds back the next', async () => {
  let runs = 0
  let end = () => {}
  let reason: unknown
  const health = Health.default().check(
    'slow',
    (signal) =>
      new Promise<void>((resolve) => {
        runs++
        end = resolve
        signal.addEventListener('abort', () => (reason = signal.reason))
      }),
    { interval: '1ms', timeout: '20ms' },
  )
  await using t = await testServer(App.new({ log: { level: 'silent' } }).wrap(health))
  await until(() => t.server.stats().health[0]?.checks[0]?.state === 'failed', 'the failure')
  expect(String(reason)).toBe('Error: it took longer than 20 ms')
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect([runs, await status(t, '/readyz')]).toEqual([1, 503])
  end()
  await until(() => runs === 2, 'the next run')
  end()
  await until(() => t.server.stats().health[0]?.checks[0]?.state === 'passed', 'the pass')
})

test('liveness fails with its own checks alone', async () => {
  let works = true
  const app = App.new({ log: { level: 'silent' } }).wrap(
    Health.default().check('loop', () => works, { ...QUICK, probe: 'liveness' }),
  )
  await using t = await testServer(app)
  await untilStatus(t, '/healthz', 200)
  works = false
  await untilStatus(t, '/healthz', 503)
  expect(await status(t, '/readyz')).toBe(200)
})

test.skipIf(isInline)(
  'probes are answered while JavaScript computes, until a result is overdue',
  async (context) => {
    needsTool(context, 'curl', '--version')
    const health = Health.new({ details: true })
      .check('patient', () => {}, { interval: '1m', timeout: '1m', probe: 'liveness' })
      .check('strict', () => {}, { interval: '30ms', timeout: '30ms' })
    await using t = await testServer(App.new().wrap(health))
    await untilStatus(t, '/readyz', 200)
    // JavaScript waits for curl, and curl for Rust.
    const probe = (path: string) =>
      spawnSync('curl', ['-s', '-m', '5', '-w', '%{http_code}', `${t.url}${path}`]).stdout.toString()
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
    expect(probe('/healthz')).toBe('{"checks":{"patient":[{"status":"pass"}]},"status":"pass"}200')
    expect(probe('/readyz')).toBe(
      '{"checks":{"strict":[{"output":"late","status":"fail"}]},"status":"fail"}503',
    )
    await untilStatus(t, '/readyz', 200)
  },
)

test('probes pass what is around the layer, and nothing else', async () => {
  const app = App.new({ limits: { inFlight: 1 } })
    .wrap(Health.default())
    .get('/', () => HttpResponse.ok('x'))
    .get('/slow', () => new Promise(() => {}))
  await using t = await testServer(app)
  await using busy = await RawClient.to(t.server.port)
  busy.send('GET /slow HTTP/1.1\r\nhost: t\r\n\r\n')
  await until(() => t.server.stats().inFlight === 1)
  // As many are in flight as may be.
  expect([await status(t, '/'), await status(t, '/healthz'), await status(t, '/readyz')]).toEqual([
    503, 200, 200,
  ])
  expect(app.explain('/').chain).toEqual([{ name: 'health', native: true }])
})

test('inside JavaScript middleware it has to be meant', async () => {
  const inside = (layer: Health) =>
    App.new()
      .wrap((_req, next) => next())
      .wrap(layer)
      .get('/', () => 'x')
  await expect(inside(Health.default()).inject('/healthz')).rejects.toMatchObject({
    code: 'ARMATURE_LAYER_ORDER',
  })
  expect((await inside(Health.new({ beforeJs: true })).inject('/healthz')).status).toBe(200)
})

const children: ChildProcess[] = []
const folder = mkdtempSync(join(tmpdir(), 'armature-health-'))
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(join(folder, 'broken'), { force: true })
})

async function start(env: Record<string, string>): Promise<{ child: ChildProcess; url: string }> {
  const child = fork(join(__dirname, 'fixtures/health.cjs'), {
    env: { ...process.env, ...env },
    silent: true,
  })
  children.push(child)
  let output = ''
  child.stdout?.on('data', (data) => (output += data))
  child.stderr?.on('data', (data) => (output += data))
  await until(() => /port \d+/.test(output), 'the port')
  return { child, url: `http://127.0.0.1:${/port (\d+)/.exec(output)?.[1]}` }
}

const ask = async (url: string) => {
  const response = await fetch(url)
  return [response.status, await response.text()] as const
}

test('a signal fails readiness; the server serves on for preDrain, then drains', async () => {
  const { child, url } = await start({ PRE_DRAIN: '1s', NODE_ENV: 'production' })
  expect(await ask(`${url}/readyz`)).toEqual([200, '{"checks":{},"status":"pass"}'])
  const exit = once(child, 'close')
  child.kill('SIGTERM')
  let last = await ask(`${url}/readyz`)
  while (last[0] === 200) last = await ask(`${url}/readyz`)
  expect(last).toEqual([503, '{"checks":{},"output":"the server is shutting down","status":"fail"}'])
  expect(await ask(`${url}/`)).toEqual([200, 'ok'])
  expect((await ask(`${url}/healthz`))[0]).toBe(200)
  expect(await exit).toEqual([0, null])
})

test.skipIf(isInline)('each thread has its checks; those of one that ended do not count', async () => {
  const broken = join(folder, 'broken')
  const { child, url } = await start({ THREADS: '2', BROKEN: broken })
  const ready = async (expected: number) => {
    while ((await ask(`${url}/readyz`))[0] !== expected);
  }
  await ready(200)
  writeFileSync(broken, '')
  await ready(503)
  rmSync(broken)
  await ready(200)
  // Nobody who probes sees the change of threads.
  const seen = new Set<number>()
  let over = false
  const probing = (async () => {
    while (!over) seen.add((await ask(`${url}/readyz`))[0])
  })()
  child.send('reload')
  await once(child, 'message')
  over = true
  await probing
  expect([...seen]).toEqual([200])
})

test.each<[HealthOptions, string]>([
  [{ liveness: 'healthz' }, "Health.liveness: 'healthz' is not a path such as '/healthz'"],
  [{ readiness: '/a b' }, "Health.readiness: '/a b' is not a path"],
  [{ readiness: '/healthz' }, "Health.readiness: '/healthz' is not another path than Health.liveness"],
  [{ detail: true } as HealthOptions, 'Health.detail is not an option; did you mean Health.details?'],
])('wrong options: %j', (options, message) => {
  const error = { code: 'ARMATURE_OPTION_INVALID', message: expect.stringContaining(message) }
  expect(() => Health.new(options)).toThrow(expect.objectContaining(error))
})

test('wrong checks', async () => {
  const wrong = (declare: (health: Health) => unknown, message: string) => {
    const error = { code: 'ARMATURE_OPTION_INVALID', message: expect.stringContaining(message) }
    expect(() => declare(Health.default())).toThrow(expect.objectContaining(error))
  }
  wrong((health) => health.check('', () => {}), "name of check(): '' is not a text")
  wrong((health) => health.check('a', () => {}).check('a', () => {}), "name of check(): 'a' is not a new one")
  wrong((health) => health.check('a', 'b' as never), "check 'a': 'b' is not a function")
  wrong(
    (health) => health.check('a', () => {}, { interval: 0 }),
    'Health.check.interval: 0ms is not a duration',
  )
  wrong(
    (health) => health.check('a', () => {}, { timeout: '25h' }),
    'Health.check.timeout: 25h is not a duration',
  )
  wrong((health) => health.check('a', () => {}, { probe: 'startup' as never }), 'Health.check.probe')
  const health = Health.default()
  await using _ = await testServer(App.new().wrap(health))
  expect(() => health.check('late', () => {})).toThrow(
    expect.objectContaining({ code: 'ARMATURE_APP_FROZEN' }),
  )
})
