import {
  App,
  ArmatureError,
  any,
  fromConnect,
  get,
  HttpResponse,
  Logger,
  on,
  openapi,
  post,
  Router,
  rpc,
  scope,
  serve,
} from '@armature/core'
import { describe, expect, test } from 'vitest'
import { compile } from '../../dist/compile.js'
import { nodeOf } from '../../dist/scope.js'
import { thrown } from './support.js'

const handler = () => 'x'
const paths = (app: App) => compile(app).plan.routes.map(({ method, path }) => `${method} ${path}`)

describe('arguments of route calls', () => {
  test.each([
    ['no handler', () => App.new().get('/x', undefined as never), "handler of GET '/x'"],
    ['a MethodRouter', () => App.new().get('/x', get(handler) as never), 'an instance of MethodRouter'],
    ['a promise', () => App.new().post('/x', Promise.resolve() as never), 'an instance of Promise'],
    ['two handlers', () => App.new().get('/x', handler as never, handler), '{ use: [layer] }'],
    ['three', () => App.new().get('/x', ...([{}, handler, handler] as unknown as [never])), 'one handler'],
    [
      'an unknown option',
      () => App.new().get('/x', { limit: 1 } as never, handler),
      "'limit' is not one of use",
    ],
    [
      'an unknown limit',
      () => App.new().get('/x', { limits: { size: 1 } } as never, handler),
      "'size' is not one of body",
    ],
    ['a wrong limit', () => App.new().get('/x', { limits: { body: true } } as never, handler), 'limits.body'],
    ['a wrong timeout', () => App.new().get('/x', { timeout: {} } as never, handler), 'timeout of GET'],
    ['use without a list', () => App.new().get('/x', { use: Logger } as never, handler), 'a list of layers'],
    ['use with something else', () => App.new().get('/x', { use: ['cors'] } as never, handler), 'use of GET'],
    ['a helper without handler', () => get(undefined as never), 'handler of GET'],
    ['route() with a handler', () => App.new().route('/x', handler as never), 'get(handler)'],
    ['default() without handler', () => App.new().default(undefined as never), 'default()'],
    ['wrap() without layer', () => App.new().wrap(undefined as never), 'wrap()'],
    ['wrap() with a MethodRouter', () => App.new().wrap(get(handler) as never), 'wrap()'],
    ['onError() without function', () => App.new().onError(undefined as never), 'onError()'],
    ['onStart() without function', () => App.new().onStart({} as never), 'onStart()'],
    ['onStop() without function', () => App.new().onStop(undefined as never), 'onStop()'],
    ['configure() without function', () => App.new().configure(undefined as never), 'configure()'],
    ['scope() without function', () => App.new().scope('/x', undefined as never), "scope '/x'"],
    [
      'service() with something else',
      () => App.new().service(get(handler) as never),
      'a scope, a Router or an App',
    ],
    ['App.new() with something else', () => App.new(7 as never), 'App.new()'],
    ['on() with no token', () => on('A B', handler), 'method token'],
    ['on() in lower case', () => on('link', handler), "write 'LINK'"],
    ["on('*')", () => on('*', handler), 'any()'],
  ])('%s is a TypeError that says so', (_, declare, hint) => {
    const error = thrown(declare)
    expect(error).toBeInstanceOf(TypeError)
    expect(error.code).toBe('ARMATURE_OPTION_INVALID')
    expect(error.message).toContain(hint)
  })

  test('a MethodRouter may serve several routes, and cannot change after the first', () => {
    const methods = get(handler).post(handler)
    const app = App.new().route('/a', methods).route('/b', methods)
    expect(paths(app)).toEqual(['GET /a', 'POST /a', 'GET /b', 'POST /b'])
    for (const change of [
      () => methods.put(handler),
      () => methods.wrap(Logger.default()),
      () => methods.on('X', handler),
    ]) {
      expect(thrown(change).code).toBe('ARMATURE_APP_FROZEN')
    }
  })
})

describe('service()', () => {
  test('takes a scope, a Router and an App, also before they are complete', () => {
    const late = scope('/late')
    const app = App.new()
      .service(scope('/s').get('/a', handler))
      .service(new Router().get('/r', handler))
      .service(App.new().get('/app', handler))
      .service(late)
    late.get('/x', handler)
    expect(paths(app)).toEqual(['GET /s/a', 'GET /r', 'GET /app', 'GET /late/x'])
  })

  test('refuses a scope that has a place, itself, and an App with options', () => {
    const child = scope('/c')
    const app = App.new().service(child)
    for (const declare of [
      () => app.service(child),
      () => App.new().service(child),
      () => app.service(app),
      () => child.service(app),
      () => app.service(App.new({ trailingSlash: 'ignore' })),
    ]) {
      const error = thrown(declare)
      expect(error).toBeInstanceOf(TypeError)
      expect(error.code).toBe('ARMATURE_OPTION_INVALID')
    }
  })

  test('recognises scopes of another copy of the package', () => {
    const foreign = { [Symbol.for('armature.scope')]: nodeOf(scope('/x').get('/y', handler)) }
    expect(paths(App.new().service(foreign as never))).toEqual(['GET /x/y'])
  })
})

describe('configure()', () => {
  test('calls the function with the application and returns it', () => {
    const app = App.new()
    const seen: unknown[] = []
    expect(app.configure((given) => void seen.push(given))).toBe(app)
    expect(seen).toEqual([app])
    expect(app.scope('/x', () => {})).toBe(app)
  })

  test('remembers promises, also those of scopes and those that come later', async () => {
    const app = App.new()
      .configure(async (app) => {
        await Promise.resolve()
        app.get('/a', handler).configure(async (app) => {
          await Promise.resolve()
          app.get('/b', handler)
        })
      })
      .scope('/s', async (s) => {
        await Promise.resolve()
        s.get('/c', handler)
      })
    expect(paths(app)).toEqual([])
    await nodeOf(app)?.settle()
    expect(paths(app).sort()).toEqual(['GET /a', 'GET /b', 'GET /s/c'])
  })

  test('a rejection is kept for everyone who waits', async () => {
    const app = App.new().configure(async () => {
      throw new Error('no database')
    })
    await new Promise((resolve) => setTimeout(resolve, 5))
    await expect(nodeOf(app)?.settle()).rejects.toThrow('no database')
    await expect(nodeOf(app)?.settle()).rejects.toThrow('no database')
  })
})

test('nothing can be declared once it is frozen', () => {
  let inner = scope('/never')
  const app = App.new().scope('/s', (s) => {
    inner = s as never
  })
  nodeOf(app)?.freeze()
  class Data {}
  for (const frozen of [app, inner]) {
    for (const declare of [
      () => frozen.get('/', handler),
      () => frozen.any('/', handler),
      () => frozen.route('/', get(handler)),
      () => frozen.wrap(Logger.default()),
      () => frozen.data(new Data()),
      () => frozen.scope('/x', () => {}),
      () => frozen.service(scope('/x')),
      () => frozen.configure(() => {}),
      () => frozen.default(handler),
      () => frozen.onError(() => {}),
      () => frozen.onStart(() => {}),
      () => frozen.onStop(() => {}),
    ]) {
      const error = thrown(declare)
      expect(error).toBeInstanceOf(ArmatureError)
      expect(error.code).toBe('ARMATURE_APP_FROZEN')
    }
  }
})

test('names of later versions throw ARMATURE_NOT_AVAILABLE and say what to use', () => {
  const app = App.new()
  const calls = [app.mount, scope('/x').mount, serve, openapi, rpc, fromConnect]
  for (const call of calls) {
    const error = thrown(() => call('/x'))
    expect(error).toBeInstanceOf(ArmatureError)
    expect(error.code).toBe('ARMATURE_NOT_AVAILABLE')
    expect(error.message).toContain('Until then: ')
  }
})

describe('explain()', () => {
  async function auth() {}
  function listUsers() {}
  const app = App.new()
    .wrap(Logger.default())
    .wrap(auth)
    .get('/users/me', handler)
    .route(
      '/users/:id',
      get(listUsers).post({ use: [Logger.json()] }, () => {}),
    )
    .any('/users/:id/any', handler)
    .get('/files/*rest', handler)
    .get('/caf%C3%A9', handler)
    .scope('/api', (s) =>
      s
        .wrap(async () => {})
        .default(listUsers)
        .get('/a/:b', handler)
        .get('/:a/c', handler),
    )
  const explain = (path: string, method?: string) => {
    const { pattern, handler, chain } = app.explain(path, method)
    return [pattern, handler, chain.map(({ name, native }) => (native ? `rust ${name}` : name)).join(', ')]
  }

  test.each([
    ['GET', '/users/7?x=1', '/users/:id', 'listUsers', 'rust logger, auth'],
    ['HEAD', '/users/7', '/users/:id', 'listUsers', 'rust logger, auth'],
    ['POST', '/users/7', '/users/:id', '(anonymous)', 'rust logger, rust logger, auth'],
    ['GET', '/users/me', '/users/me', 'handler', 'rust logger, auth'],
    ['LINK', '/users/7/any', '/users/:id/any', 'handler', 'rust logger, auth'],
    ['GET', '/files/a/b', '/files/*rest', 'handler', 'rust logger, auth'],
    ['GET', '/caf\u00e9', '/caf%C3%A9', 'handler', 'rust logger, auth'],
    ['GET', '/api/a/c', '/api/a/:b', 'handler', 'rust logger, auth, (anonymous)'],
    ['GET', '/api/x/c', '/api/:a/c', 'handler', 'rust logger, auth, (anonymous)'],
    ['GET', '/files/', null, '404 Not Found', 'rust logger'],
    ['GET', '/nope', null, '404 Not Found', 'rust logger'],
    ['GET', '/%zz', null, '400 Bad Request', 'rust logger'],
    ['PUT', '/users/7', null, '405 Method Not Allowed', 'rust logger'],
    ['OPTIONS', '/users/7', null, '204 No Content', 'rust logger'],
    ['GET', '/api/nope', null, 'listUsers', 'rust logger, auth, (anonymous)'],
  ])('%s %s', (method, path, ...expected) => {
    expect(explain(path, method)).toEqual(expected)
  })

  test('is plain data, and text for people', () => {
    const explanation = App.new()
      .wrap(Logger.default())
      .wrap(auth)
      .get('/users/:id', listUsers)
      .explain('/users/7')
    expect({ ...explanation }).toEqual({
      pattern: '/users/:id',
      handler: 'listUsers',
      chain: [
        { name: 'logger', native: true },
        { name: 'auth', native: false },
      ],
    })
    expect(String(explanation).split('\n')).toEqual([
      'GET /users/7 -> /users/:id',
      '  rust logger',
      '  js   auth',
      '  answered by listUsers',
    ])
    expect(new Router().explain('/').handler).toBe('404 Not Found')
  })

  test('knows trailing slashes', () => {
    const declare = (app: App) => app.get('/a', listUsers).get('/b/', listUsers)
    expect(declare(App.new()).explain('/a/').handler).toBe('404 Not Found')
    expect(declare(App.new({ trailingSlash: 'ignore' })).explain('/a/').handler).toBe('listUsers')
    expect(declare(App.new({ trailingSlash: 'ignore' })).explain('/b').handler).toBe('listUsers')
    expect(declare(App.new({ trailingSlash: 'redirect' })).explain('/a/').handler).toBe(
      '308 Permanent Redirect',
    )
  })

  test('shows fixed handlers, with and without JavaScript around them; freezes nothing', async () => {
    const { fixed } = await import('@armature/core')
    const app = App.new().get('/', fixed(HttpResponse.ok('x')))
    expect(app.explain('/')).toMatchObject({ handler: 'fixed', chain: [] })
    app.wrap(auth)
    expect(app.explain('/')).toMatchObject({ handler: 'fixed', chain: [{ name: 'auth', native: false }] })
  })

  test('wants a path', () => {
    expect(thrown(() => app.explain('users')).code).toBe('ARMATURE_OPTION_INVALID')
  })
})

test('helpers take any combination', () => {
  const app = App.new().route(
    '/',
    post(handler).head(handler).options(handler).patch(handler).put(handler).delete(handler),
  )
  expect(paths(app.route('/any', any(handler)))).toHaveLength(7)
})
