// app.log and req.log.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { App, type Log, Logger, type LogLike, type LogOptions, Router, scope } from '@armature/core'
import { testServer } from '@armature/core/testing'
import { afterAll, describe, expect, it, vi } from 'vitest'

const place = mkdtempSync(join(tmpdir(), 'armature-log-'))
afterAll(() => rmSync(place, { recursive: true }))

let files = 0

interface Line {
  [name: string]: unknown
}

/** What `write` logs, as text, and read. */
async function logged(options: LogOptions, write: (log: Log, app: App) => unknown) {
  const path = join(place, `${files++}.log`)
  const app = App.new({ log: { format: 'json', ...options, output: { path } } })
  await write(app.log, app)
  const server = await app.run('127.0.0.1:0')
  await server.close()
  return readFileSync(path, 'utf8')
}

async function lines(write: (log: Log, app: App) => unknown, options: LogOptions = {}): Promise<Line[]> {
  const text = await logged(options, write)
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)
}

/** The one line of `write`, without what all lines have. */
async function line(...args: unknown[]): Promise<Line> {
  const [{ level, time, ...rest } = {}] = await lines((log) => log.info(...(args as [string])))
  expect([level, typeof time]).toEqual(['info', 'number'])
  return rest
}

describe('the arguments of pino', () => {
  it.each<[string, unknown[], Line]>([
    ['a message', ['hello'], { msg: 'hello' }],
    ['a message with values', ['%s is %d, %i, %f', 'a', 1.5, 2.7, '3.5'], { msg: 'a is 1.5, 2, 3.5' }],
    ['data in a message', ['%o %O %j %%', { a: 1 }, [2], 'x'], { msg: '{"a":1} [2] "x" %' }],
    ['missing values', ['%s %s %x', 1], { msg: '1 %s %x' }],
    ['surplus values', ['a', 1, 2], { msg: 'a' }],
    ['an object', [{ a: 1, b: { c: [true, null] } }], { a: 1, b: { c: [true, null] } }],
    ['an object and a message', [{ a: 1 }, 'hello %s', 'you'], { a: 1, msg: 'hello you' }],
    ['an object with a message of its own', [{ msg: 'own' }], { msg: 'own' }],
    ['nothing and a message', [undefined, 'hello'], { msg: 'hello' }],
    ['null and a message', [null, 'hello'], { msg: 'hello' }],
    ['a number', [42], { msg: '42' }],
    [
      'what has no place in JSON',
      [{ a: undefined, b: () => 1, c: Symbol('c'), d: Number.NaN }],
      { d: 'NaN' },
    ],
  ])('%s', async (_, args, expected) => {
    expect(await line(...args)).toEqual(expected)
  })

  it('an error first', async () => {
    const error = Object.assign(new TypeError('wrong', { cause: new Error('why') }), { code: 'E_X' })
    const shown = {
      type: 'TypeError',
      message: 'wrong',
      stack: expect.stringContaining('log.test.ts'),
      code: 'E_X',
      cause: expect.objectContaining({ type: 'Error', message: 'why' }),
    }
    expect(await line(error)).toEqual({ err: shown, msg: 'wrong' })
    expect(await line(error, 'failed %d times', 3)).toEqual({ err: shown, msg: 'failed 3 times' })
    expect(await line({ err: error, also: [error] }, 'x')).toEqual({ err: shown, also: [shown], msg: 'x' })
  })
})

describe('what is logged can be anything', () => {
  it('cycles, BigInts, getters and proxies that throw', async () => {
    const circle: Line = { a: 1n }
    circle.self = circle
    circle.list = [circle]
    const broken = {
      get bad() {
        throw new Error('no')
      },
      good: { big: 2n ** 70n, at: new Date(0) },
    }
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    expect(await line({ circle })).toEqual({ circle: { a: '1', self: '[Circular]', list: ['[Circular]'] } })
    expect(await line(broken)).toEqual({
      bad: '[Throws]',
      good: { big: '1180591620717411303424', at: '1970-01-01T00:00:00.000Z' },
    })
    expect(await line({ inner: broken })).toEqual({ inner: { bad: '[Throws]', good: expect.anything() } })
    expect(await line({ proxy }, 'x')).toEqual({ proxy: '[Throws]', msg: 'x' })
    expect(await line('%j %s', proxy, { toString: null })).toHaveProperty('msg')
    expect(await line({ json: { toJSON: () => ({ a: 1 }) } })).toEqual({ json: { a: 1 } })
  })

  it('a deep or wide value that JSON refuses is cut', async () => {
    let deep: Line = { big: 1n, circle: null }
    deep.circle = deep
    for (let i = 0; i < 20; i++) deep = { deep }
    const text = JSON.stringify(
      await line({ deep, wide: Object.assign([], Array(500).fill(1), { 3: circular() }) }),
    )
    expect(text).toContain('[Object]')
    expect(text).toContain('300 more')
    function circular() {
      const a: unknown[] = []
      a.push(a)
      return a
    }
  })

  it('never looks like another line', async () => {
    const forged = 'x\n{"level":"fatal"}\u001b[2J'
    const read = await lines((log) => log.info({ level: 'fatal', time: 0, [forged]: forged }, forged))
    expect(read).toEqual([
      { level: 'info', time: expect.any(Number), _level: 'fatal', _time: 0, [forged]: forged, msg: forged },
    ])
    const text = await logged({ format: 'dev' }, (log) => log.info({ [forged]: forged }, forged))
    expect(text.split('\n')).toHaveLength(2)
    expect(text).not.toContain('\u001b')
  })
})

it('is readable in development, with stacks below', async () => {
  const text = await logged({ format: 'dev' }, (log) => {
    log.warn({ a: 1, b: 'c d' }, 'hello')
    log.child({ part: 'db' }).error(new Error('broken'))
  })
  const [first, second, ...stack] = text.trimEnd().split('\n')
  expect(first).toMatch(/^\d\d:\d\d:\d\d\.\d{3} WARN {2}hello a=1 b="c d"$/)
  expect(second).toMatch(/ERROR broken part="db"$/)
  expect(stack[0]).toBe('    err: Error: broken')
  expect(stack[1]).toMatch(/^ +at .*log\.test\.ts/)
})

it('levels', async () => {
  const all = (log: Log) => {
    for (const level of ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const) log[level]('x')
  }
  const levels = async (level?: LogOptions['level']) =>
    (await lines(all, level === undefined ? {} : { level })).map((one) => one.level)
  expect(await levels()).toEqual(['info', 'warn', 'error', 'fatal'])
  expect(await levels('trace')).toHaveLength(6)
  expect(await levels('error')).toEqual(['error', 'fatal'])
})

it('children keep their bindings, and those of a request cannot be replaced', async () => {
  const read = await lines(async (log, app) => {
    log.child({ a: 1, level: 'x' }).child({ b: 2 }).info({ c: 3 }, 'child')
    app.wrap(async (req, next) => {
      req.log.debug('not written')
      req.log.info('in middleware')
      return next()
    })
    app.service(
      scope('/api').get('/users/:id', (req) => {
        expect(req.log).toBe(req.log)
        req.log.child({ a: 1 }).info({ requestId: 'forged', route: 'forged' }, 'in %s', 'handler')
        return req.id
      }),
    )
    app.service(new Router().get('/other', (req) => req.log.info('in a router')))
    const id = await (await app.inject('/api/users/7')).text()
    await app.inject('/other')
    log.info({ id }, 'done')
  })
  const id = read.at(-1)?.id
  expect(id).toMatch(/^[0-9a-f]+-[0-9a-f]+$/)
  expect(read.map(({ time, ...rest }) => rest)).toEqual([
    { level: 'info', a: 1, _level: 'x', b: 2, c: 3, msg: 'child' },
    { level: 'info', requestId: id, route: '/api/users/:id', msg: 'in middleware' },
    {
      level: 'info',
      requestId: id,
      route: '/api/users/:id',
      a: 1,
      _requestId: 'forged',
      _route: 'forged',
      msg: 'in handler',
    },
    { level: 'info', requestId: expect.any(String), route: '/other', msg: 'in middleware' },
    { level: 'info', requestId: expect.any(String), route: '/other', msg: 'in a router' },
    { level: 'info', id, msg: 'done' },
  ])
})

it('goes where the access log goes, with the same request id', async () => {
  const path = join(place, 'shared.log')
  const app = App.new({ log: { format: 'json', output: { path } } })
    .wrap(Logger.default())
    .get('/', (req) => {
      req.log.info('here')
      return 'x'
    })
  await using t = await testServer(app)
  await (await t.fetch('/')).text()
  await t.server.close()
  const read = readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text) as Line)
  const [one, other] = read
  expect(read).toHaveLength(2)
  expect(one?.requestId).toBe(other?.requestId)
  expect(read.map((each) => each.msg ?? each.url).sort()).toEqual(['/', 'here'])
})

it('many lines of a turn are one native call', async () => {
  const path = join(place, 'batch.log')
  const app = App.new({ log: { format: 'json', output: { path } } })
  const server = await app.run('127.0.0.1:0')
  for (let i = 0; i < 5000; i++) app.log.info({ i }, 'line')
  await server.close()
  const read = readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((text) => (JSON.parse(text) as { i: number }).i)
  expect(read).toEqual(Array.from({ length: 5000 }, (_, i) => i))
  expect(server.stats).toBeTypeOf('function')
})

describe('another logger', () => {
  const fake = (methods: object = {}) => {
    const calls: unknown[][] = []
    const of =
      (name: string, bindings: object) =>
      (...args: unknown[]) =>
        void calls.push([name, bindings, ...args])
    const make = (bindings: object): LogLike => ({
      debug: of('debug', bindings),
      info: of('info', bindings),
      warn: of('warn', bindings),
      error: of('error', bindings),
      child: (more: object) => make({ ...bindings, ...more }),
      ...methods,
    })
    return { calls, logger: make({}) }
  }

  it('takes the place of ours; req.log is its child', async () => {
    const { calls, logger } = fake()
    const app = App.new({ log: logger }).get('/a/:b', (req) => {
      req.log.info({ x: 1 }, 'hello %s', 'you')
      req.log.trace('t')
      req.log.fatal('f')
      return req.id
    })
    const reqId = await (await app.inject('/a/1')).text()
    app.log.warn('app')
    const bindings = { reqId, route: '/a/:b' }
    expect(calls).toEqual([
      ['info', bindings, { x: 1 }, 'hello %s', 'you'],
      ['debug', bindings, 't'],
      ['error', bindings, 'f'],
      ['warn', {}, 'app'],
    ])
  })

  it('may be given to run(), and is used as it is when it has everything', async () => {
    const { logger } = fake({ trace: () => {}, fatal: () => {} })
    const app = App.new().get('/', () => 'x')
    const server = await app.run({ listen: '127.0.0.1:0', log: logger })
    expect(app.log).toBe(logger)
    await server.close()
  })

  it('has to be one', async () => {
    for (const log of [{ info: () => {} }, 'info', 3, null]) {
      const run = App.new({ log: log as never }).run('127.0.0.1:0')
      await expect(run).rejects.toMatchObject({ code: 'ARMATURE_OPTION_INVALID' })
      await expect(run).rejects.toThrow(/^log/)
    }
  })
})

it('log: false writes nothing', async () => {
  const write = vi.spyOn(process.stdout, 'write')
  const app = App.new({ log: false }).get('/', (req) => {
    req.log.fatal('x')
    return 'x'
  })
  app.log.error('x')
  expect(await (await app.inject('/')).text()).toBe('x')
  expect(write).not.toHaveBeenCalled()
  write.mockRestore()
})

it('what cannot be is told', async () => {
  const refused = async (log: object, message: string | RegExp) => {
    const app = App.new({ log: log as LogOptions })
    await expect(app.run('127.0.0.1:0')).rejects.toThrow(message)
  }
  await refused({ level: 'inf' }, /^log.level: 'inf' is not one of .*did you mean 'info'\?/)
  await refused({ format: 'common' }, "log.format: 'common' is not one of 'dev', 'json'")
  await refused({ queue: 1 }, 'log.queue: 1b is not a size from 4kb to 256mb')
  await refused(
    { output: { path: '/x', keepFor: '1h' } },
    /^log.output.keepFor .* give log.output.maxSize or/,
  )
  await refused(
    { output: { path: join(place, 'none', 'a.log') } },
    /^cannot open the log '.*a.log'; its folder has to exist/,
  )
})
