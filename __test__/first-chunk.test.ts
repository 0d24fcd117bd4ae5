import { Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { App, HttpResponse, middleware } from '@armature/core'
import { testServer } from '@armature/core/testing'
import { afterEach, expect, test, vi } from 'vitest'
import { RawClient, until } from './helper.js'

afterEach(() => vi.restoreAllMocks())

const stderr = () => vi.spyOn(process.stderr, 'write').mockImplementation(() => true)

class Failed extends Error {}

// biome-ignore lint/correctness/useYield: it fails before the first chunk
async function* failing(): AsyncGenerator<string> {
  await turn()
  throw new Failed('before the first chunk')
}

const sources: Record<string, () => HttpResponse> = {
  generator: () => HttpResponse.stream(failing()),
  synchronous: () =>
    HttpResponse.stream(
      // biome-ignore lint/correctness/useYield: it fails before the first chunk
      (function* (): Generator<string> {
        throw new Failed('at once')
      })(),
    ),
  'function of a generator': () => HttpResponse.stream(failing),
  writer: () =>
    HttpResponse.stream(async () => {
      await turn()
      throw new Failed('before the first write')
    }),
  'synchronous writer': () =>
    HttpResponse.stream(() => {
      throw new Failed('at once')
    }),
  node: () =>
    HttpResponse.stream(
      new Readable({
        read() {
          this.destroy(new Failed('read'))
        },
      }),
    ),
  web: () =>
    HttpResponse.stream(
      new ReadableStream<string>({
        pull() {
          throw new Failed('pull')
        },
      }),
    ),
  'a chunk that is none': () => HttpResponse.stream([42] as never),
  'empty chunks': () =>
    HttpResponse.stream(
      (function* () {
        yield ''
        throw new Failed('after nothing')
      })(),
    ),
}

test.each(Object.keys(sources))('a stream that fails before its first chunk is a 500: %s', async (kind) => {
  const log = stderr()
  const app = App.new().get('/', () => sources[kind]?.().header('x-a', 'b'))
  await using t = await testServer(app)
  const res = await t.fetch('/')
  expect([res.status, res.headers.get('x-a'), res.headers.get('content-type')]).toEqual([
    500,
    null,
    'application/problem+json',
  ])
  expect(((await res.json()) as { code: string }).code).toMatch(/^ARMATURE_(INTERNAL|RESPONSE_TYPE)$/)
  expect(log.mock.calls.join('')).toContain('GET / failed')
  await until(() => t.server.stats().lanes[0]?.pending === 0, 'the slot')
})

test('onError is asked, of the nearest scope first, wherever middleware stands', async () => {
  const asked: string[] = []
  const app = App.new()
    .wrap(async (_req, next) => (await next()).header('x-around', '1'))
    .onError((error) => {
      asked.push('app')
      return error instanceof Failed ? HttpResponse.conflict('late') : undefined
    })
    .scope('/inner', (s) =>
      s
        .wrap((_req, next) => next())
        .get('/', () => HttpResponse.stream(failing()))
        .onError(() => void asked.push('scope')),
    )
    .get('/own', () => HttpResponse.stream(failing()))
  for (const [path, order] of [
    ['/inner', ['scope', 'app']],
    ['/own', ['app']],
  ] as const) {
    asked.length = 0
    const res = await app.inject(path)
    expect([res.status, asked]).toEqual([409, order])
  }
})

test('an answer to an error that fails in the same way ends in a bare 500', async () => {
  const log = stderr()
  const app = App.new()
    .get('/', () => HttpResponse.stream(failing()))
    .onError(() => HttpResponse.stream(failing()))
  const res = await app.inject('/')
  expect([res.status, await res.json()]).toEqual([
    500,
    expect.objectContaining({ code: 'ARMATURE_INTERNAL' }),
  ])
  expect(log.mock.calls.join('')).toContain('before the first chunk')
})

test('the head of a silent source does not wait for it', async () => {
  let speak: () => void = () => {}
  const app = App.new().get('/', () =>
    HttpResponse.stream(async function* () {
      await new Promise<void>((resolve) => {
        speak = resolve
      })
      yield 'late'
    }).header('x-a', 'b'),
  )
  await using t = await testServer(app)
  const res = await t.fetch('/')
  expect([res.status, res.headers.get('x-a')]).toEqual([200, 'b'])
  speak()
  expect(await res.text()).toBe('late')
})

test('a source that fails after its head was sent resets the connection', async () => {
  const log = stderr()
  let fail: () => void = () => {}
  const app = App.new().get('/', () =>
    HttpResponse.stream(async function* () {
      await new Promise<void>((resolve) => {
        fail = resolve
      })
      yield* failing()
    }),
  )
  await using t = await testServer(app)
  const res = await t.fetch('/')
  expect(res.status).toBe(200)
  fail()
  await expect(res.text()).rejects.toThrow()
  expect(log.mock.calls.join('')).toContain('could not finish its body')
})

/** A source that never yields, and says when it was given up. */
function silent() {
  const state = { started: false, given: 0 }
  const source: AsyncIterable<string> = {
    [Symbol.asyncIterator]: () => ({
      next: () => {
        state.started = true
        return new Promise(() => {})
      },
      return: async () => {
        state.given++
        return { done: true, value: undefined }
      },
    }),
  }
  return { state, source }
}

test('a source whose client leaves or whose server stops before the first chunk is given up', async () => {
  const { state, source } = silent()
  const app = App.new().get('/', () => HttpResponse.stream(source))
  const t = await testServer(app)
  const client = await RawClient.to(t.server.port)
  client.send('GET / HTTP/1.1\r\nhost: t\r\n\r\n')
  await until(() => state.started, 'the first read')
  client.socket.destroy()
  await until(() => state.given === 1, 'return()')
  await until(() => t.server.stats().lanes[0]?.pending === 0, 'the slot')
  state.started = false
  const cut = t.fetch('/').then(
    (res) => res.text(),
    () => 'cut',
  )
  await until(() => state.started, 'the second read')
  await t.close()
  await expect(cut.catch(() => 'cut')).resolves.toBe('cut')
  expect(state.given).toBe(2)
})

/** A generator, a Node stream and a web stream, each with a flag that says whether it was given up. */
function held(kind: string) {
  const state = { given: false }
  const give = () => {
    state.given = true
  }
  if (kind === 'node') {
    const source = new Readable({ read() {} }).on('close', give)
    return { state, make: () => HttpResponse.stream(source) }
  }
  if (kind === 'web') {
    const source = new ReadableStream<string>({ cancel: give })
    return { state, make: () => HttpResponse.stream(source) }
  }
  const source: AsyncIterableIterator<string> = {
    [Symbol.asyncIterator]: () => source,
    next: async () => ({ done: false, value: 'x' }),
    return: async () => {
      give()
      return { done: true, value: undefined }
    },
  }
  return { state, make: kind === 'plain' ? () => source : () => HttpResponse.stream(source) }
}

const replacements = {
  'another response': middleware(async (_req, next) => {
    await next()
    return HttpResponse.ok('other')
  }),
  'a value': middleware(async (_req, next) => {
    await next()
    return 'other'
  }),
  'another body': middleware(async (_req, next) => {
    const res = await next()
    return res.body('other')
  }),
  'JSON, returning nothing': middleware(async (_req, next) => {
    ;(await next()).json('other')
  }),
  'an error': middleware(async (_req, next) => {
    await next()
    throw new Failed('after next()')
  }),
  'an answer before next() has resolved': middleware((_req, next) => {
    void next()
    return 'other'
  }),
}

test.each(
  Object.keys(replacements).flatMap((how) =>
    ['generator', 'plain', 'node', 'web'].map((kind) => [how, kind] as const),
  ),
)('a stream that middleware replaces is given up: %s, %s', async (how, kind) => {
  const { state, make } = held(kind)
  const app = App.new()
    .wrap((_req, next) => next())
    .wrap(replacements[how as keyof typeof replacements])
    .wrap(async (_req, next) => (await next()).header('x-a', '1'))
    .get('/', async () => {
      await turn()
      return make()
    })
    .onError(() => 'other')
  const res = await app.inject('/')
  expect((await res.text()).replaceAll('"', '')).toBe('other')
  await until(() => state.given, 'the end of the source')
})

test('a stream that middleware reads itself is left to it', async () => {
  const { state, make } = held('generator')
  const app = App.new()
    .wrap(async (_req, next) => {
      const source = (await next()).value as AsyncIterable<string>
      return HttpResponse.stream(async function* () {
        for await (const chunk of source) {
          yield `${chunk}y`
          if (state.given) return
          state.given = true
        }
      })
    })
    .get('/', make)
  expect(await (await app.inject('/')).text()).toBe('xyxy')
})

test.each(['generator', 'node', 'web'])(
  'a stream that comes after the deadline is given up: %s',
  async (kind) => {
    const { state, make } = held(kind)
    let answer: () => void = () => {}
    const app = App.new().get('/', { timeout: 50 }, async () => {
      await new Promise<void>((resolve) => {
        answer = resolve
      })
      return make()
    })
    await using t = await testServer(app)
    expect((await t.fetch('/')).status).toBe(503)
    answer()
    await until(() => state.given, 'the end of the source')
  },
)

test('a stream that comes after its client has left is given up', async () => {
  const { state, make } = held('generator')
  let answer: () => void = () => {}
  let left = false
  const app = App.new().get('/', async (req) => {
    req.signal.addEventListener('abort', () => {
      left = true
    })
    await new Promise<void>((resolve) => {
      answer = resolve
    })
    return make()
  })
  await using t = await testServer(app)
  const client = await RawClient.to(t.server.port)
  client.send('GET / HTTP/1.1\r\nhost: t\r\n\r\n')
  await until(() => t.server.stats().lanes[0]?.pending === 1, 'the request')
  client.socket.destroy()
  await until(() => left, 'the abort')
  answer()
  await until(() => state.given, 'the end of the source')
  await until(() => t.server.stats().lanes[0]?.pending === 0, 'the slot')
})
