import {
  App,
  ArmatureError,
  HttpError,
  HttpResponse,
  type Middleware,
  middleware,
  type Next,
} from '@armature/core'
import { describe, expect, test } from 'vitest'
import { compile } from '../../dist/compile.js'
import { request } from './support.js'

/** The composed function of `GET /` with these layers. */
function build(layers: Middleware[], handler: () => unknown = () => 'handled') {
  const app = App.new()
  for (const layer of layers) app.wrap(layer)
  const { run } = compile(app.get('/', handler as () => string)).handlers[0]
  return async () => (await run(request())) as HttpResponse
}

const pass: Middleware = (_req, next) => next()

describe('order', () => {
  test('app, scope, route; first wrapped outermost; unwinding in reverse', async () => {
    const log: string[] = []
    const trace =
      (name: string): Middleware =>
      async (_req, next) => {
        log.push(`> ${name}`)
        await next()
        log.push(`< ${name}`)
      }
    const app = App.new()
      .wrap(trace('app 1'))
      .scope('/s', (s) =>
        s
          .wrap(trace('scope 1'))
          .get('/', { use: [trace('route 1'), trace('route 2')] }, () => void log.push('handler'))
          .wrap(trace('scope 2')),
      )
      .wrap(trace('app 2'))
    await compile(app).handlers[0].run(request())
    const names = ['app 1', 'app 2', 'scope 1', 'scope 2', 'route 1', 'route 2']
    expect(log).toEqual([...names.map((n) => `> ${n}`), 'handler', ...names.reverse().map((n) => `< ${n}`)])
  })

  test('what is declared on a scope does not exist beside it', () => {
    const app = App.new()
      .scope('/a', (s) => s.wrap(pass).get('/', () => 'a'))
      .scope('/b', (s) => s.get('/', () => 'b'))
    const [a, b] = compile(app).handlers
    expect(a.run(request())).toBeInstanceOf(Promise)
    expect(b.run(request())).toBe('b')
  })

  test('without middleware run is the handler itself', () => {
    const handler = () => 'x'
    expect(compile(App.new().get('/', handler)).handlers[0].run).toBe(handler)
  })
})

describe('next()', () => {
  test('resolves to an HttpResponse whatever the handler returned', async () => {
    for (const value of ['text', { json: 1 }, null, undefined, HttpResponse.ok(), new Response('web')]) {
      const seen: unknown[] = []
      await build([async (_req, next) => void seen.push(await next())], () => value)()
      expect(seen).toEqual([expect.any(HttpResponse)])
    }
  })

  test('rejects with what the handler threw, sync or async', async () => {
    const error = new HttpError(409, 'taken')
    for (const handler of [
      () => {
        throw error
      },
      () => Promise.reject(error),
    ]) {
      let seen: unknown
      const run = build(
        [
          async (_req, next) => {
            seen = await next().catch((reason: unknown) => reason)
            return 'rescued'
          },
        ],
        handler,
      )
      expect((await run()).value).toBe('rescued')
      expect(seen).toBe(error)
      await expect(build([pass, async (_req, next) => next()], handler)()).rejects.toBe(error)
    }
  })

  test('rejects with what cannot be a response', async () => {
    await expect(build([pass], () => Symbol('s'))()).rejects.toMatchObject({ code: 'ARMATURE_RESPONSE_TYPE' })
  })

  test('throws when called twice, also after an await', async () => {
    const twice: Middleware = async (_req, next) => {
      await next()
      return next()
    }
    const sync: Middleware = (_req, next) => {
      next()
      return next()
    }
    for (const layer of [twice, sync]) {
      await expect(build([layer])()).rejects.toMatchObject({ code: 'ARMATURE_NEXT_TWICE' })
    }
  })

  test('each middleware and each request has its own', async () => {
    const run = build([pass, pass, async (_req, next) => next()])
    expect(await run()).toBeInstanceOf(HttpResponse)
    expect(await run()).toBeInstanceOf(HttpResponse)
  })

  test('with an error throws that error, with anything else a TypeError: never the handler', async () => {
    let handled = false
    const express = (argument: unknown): Middleware => {
      return (_req, next) => (next as (value: unknown) => ReturnType<Next>)(argument)
    }
    const handler = () => {
      handled = true
    }
    const error = new Error('refused')
    await expect(build([express(error)], handler)()).rejects.toBe(error)
    await expect(build([express('route')], handler)()).rejects.toThrow(TypeError)
    expect(handled).toBe(false)
  })

  test('a rejection that comes while the middleware is busy does not end the process', async () => {
    const unhandled: unknown[] = []
    const listener = (reason: unknown) => unhandled.push(reason)
    process.on('unhandledRejection', listener)
    const busy: Middleware = async (_req, next) => {
      const answer = next()
      await new Promise((resolve) => setTimeout(resolve, 5))
      return answer
    }
    const careless: Middleware = (_req, next) => {
      next()
      return 'own answer'
    }
    const fail = () => Promise.reject(new Error('late'))
    await expect(build([busy], fail)()).rejects.toThrow('late')
    expect((await build([careless], fail)()).value).toBe('own answer')
    await new Promise((resolve) => setTimeout(resolve, 5))
    process.off('unhandledRejection', listener)
    expect(unhandled).toEqual([])
  })
})

describe('what a middleware returns', () => {
  test('replaces the response, whatever it is', async () => {
    expect(await build([() => 'early'])()).toMatchObject({ value: 'early' })
    expect(await build([async () => 'early'])()).toMatchObject({ value: 'early' })
    expect(await build([async () => null])()).toMatchObject({ statusCode: 204 })
    const changed = await build([async (_req, next) => (await next()).header('x-a', '1')])()
    expect(changed.headers.get('x-a')).toBe('1')
  })

  test("nothing after next() keeps next's response", async () => {
    const answer = HttpResponse.ok('x')
    const layers: Middleware[] = [
      async (_req, next) => {
        await next()
      },
      async (_req, next) => {
        next()
      },
      (_req, next) => {
        next()
      },
    ]
    for (const layer of layers) expect(await build([layer], () => answer)()).toBe(answer)
    expect(await build(layers, () => answer)()).toBe(answer)
  })

  test('nothing after a next() that failed keeps the error: there is no response', async () => {
    const swallow: Middleware = async (_req, next) => {
      await next().catch(() => {})
    }
    const fail = () => Promise.reject(new Error('kept'))
    await expect(build([swallow], fail)()).rejects.toThrow('kept')
  })

  test('nothing without next() is an error', async () => {
    for (const layer of [() => {}, async () => {}]) {
      const failed = build([layer])()
      await expect(failed).rejects.toBeInstanceOf(ArmatureError)
      await expect(failed).rejects.toMatchObject({ code: 'ARMATURE_MIDDLEWARE_NO_RESPONSE', status: 500 })
    }
  })

  test('may be any thenable', async () => {
    // biome-ignore lint/suspicious/noThenProperty: this is what is tested
    const thenable = { then: (resolve: (value: undefined) => void) => resolve(undefined) }
    const answer = HttpResponse.ok('x')
    const layer: Middleware = (_req, next) => {
      next()
      return thenable
    }
    expect(await build([layer], () => answer)()).toBe(answer)
  })
})

test('middleware() gives the function itself, and wants one', () => {
  const fn: Middleware = (_req, next) => next()
  expect(middleware(fn)).toBe(fn)
  expect(() => middleware('x' as unknown as Middleware)).toThrow(TypeError)
})
