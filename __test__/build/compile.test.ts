import {
  App,
  any,
  Cors,
  fixed,
  get,
  HttpResponse,
  Logger,
  type Middleware,
  on,
  RequestId,
  Router,
  scope,
} from '@armature/core'
import { describe, expect, test } from 'vitest'
import { compile } from '../../dist/compile.js'
import { request, thrown } from './support.js'

const handler = () => 'x'
const pass: Middleware = (_req, next) => next()

describe('the plan', () => {
  test('of an empty application', () => {
    expect(compile(App.new({ trailingSlash: 'ignore' }))).toMatchObject({
      plan: {
        config: { trailingSlash: 'ignore' },
        layers: [],
        scopes: [{ prefix: '', parent: null, layers: [], fallback: null }],
        routes: [],
        files: [],
      },
      buffers: [],
      handlers: [],
      checks: [],
      natives: [],
    })
  })

  test('has full prefixes and paths, parents before children', () => {
    const app = App.new()
      .get('/', handler)
      .scope('/orgs/:org', (org) => org.scope('/teams', (team) => team.get('/:id', handler)).get('', handler))
      .service(new Router().service(scope('/api').get('/x', handler)))
    const { plan, handlers } = compile(app)
    expect(plan.scopes.map(({ prefix, parent }) => [prefix, parent])).toEqual([
      ['', null],
      ['/orgs/:org', 0],
      ['/orgs/:org/teams', 1],
      ['', 0],
      ['/api', 3],
    ])
    expect(plan.routes.map(({ path, scope }) => [path, scope])).toEqual([
      ['/', 0],
      ['/orgs/:org', 1],
      ['/orgs/:org/teams/:id', 2],
      ['/api/x', 4],
    ])
    expect(handlers.map(({ pattern, paramNames }) => [pattern, paramNames])).toEqual([
      ['/', []],
      ['/orgs/:org', ['org']],
      ['/orgs/:org/teams/:id', ['org', 'id']],
      ['/api/x', []],
    ])
  })

  test('has every method', () => {
    const app = App.new()
      .get('/', handler)
      .post('/', handler)
      .put('/', handler)
      .patch('/', handler)
      .delete('/', handler)
      .head('/', handler)
      .options('/', handler)
      .any('/', handler)
      .del('/del', handler)
      .route('/route', any(handler).on('LINK', handler).del(handler))
      .route('/on', on('UNLINK', handler))
    expect(compile(app).plan.routes.map(({ method }) => method)).toEqual([
      ...['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', '*'],
      ...['DELETE', '*', 'LINK', 'DELETE', 'UNLINK'],
    ])
  })

  test('has native layers once each, outermost first, where they belong', () => {
    const shared = Logger.json()
    const app = App.new()
      .wrap(shared)
      .wrap(pass)
      .wrap(Cors.permissive())
      .scope('/s', (s) =>
        s.wrap(RequestId.default()).route('/', get({ use: [pass, shared] }, handler).wrap(Cors.default())),
      )
    const { layers, scopes, routes } = compile(app).plan
    expect(layers).toEqual([
      { type: 'logger', options: { format: 'json' } },
      { type: 'cors', options: { origins: '*', methods: ['*'], exposeHeaders: ['*'] } },
      { type: 'requestId', options: {} },
      { type: 'cors', options: {} },
    ])
    expect(scopes.map((s) => s.layers)).toEqual([[0, 1], [2]])
    expect(routes.map((r) => r.layers)).toEqual([[3, 0]])
  })

  test('has limits of routes only where they are given', () => {
    const app = App.new()
      .post('/a', { limits: { body: '200mb' }, timeout: '2s' }, handler)
      .route('/b', get({ timeout: 5 }, handler))
      .get('/c', {}, handler)
    expect(compile(app).plan.routes).toMatchObject([
      { bodyLimit: '200mb', timeout: '2s' },
      { timeout: 5 },
      {},
    ])
    expect(Object.keys(compile(app).plan.routes[2])).toEqual(['scope', 'method', 'path', 'layers', 'handler'])
  })

  test('is JSON', () => {
    const { plan } = compile(
      App.new()
        .wrap(Logger.default())
        .get('/', fixed(HttpResponse.ok('x'))),
    )
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan)
  })
})

describe('fixed()', () => {
  test('stays out of JavaScript without middleware; bodies travel once', () => {
    const up = fixed(HttpResponse.ok('up').header('x-a', '1'))
    const { plan, buffers, handlers } = compile(
      App.new().get('/a', up).get('/b', up).get('/c', fixed(HttpResponse.noContent())),
    )
    const spec = {
      type: 'fixed',
      id: null,
      status: 200,
      headers: [
        ['content-type', 'text/plain; charset=utf-8'],
        ['x-a', '1'],
      ],
      body: 0,
    }
    expect(plan.routes.map((route) => route.handler)).toEqual([
      spec,
      spec,
      { type: 'fixed', id: null, status: 204, headers: [], body: null },
    ])
    expect(buffers.map(String)).toEqual(['up'])
    expect(handlers).toEqual([])
  })

  test('runs the middleware around it, which sees a native response', async () => {
    const app = App.new()
      .wrap(async (_req, next) => (await next()).header('x-mw', '1'))
      .get('/', fixed(HttpResponse.ok('up')))
    const { plan, handlers } = compile(app)
    expect(plan.routes[0].handler).toMatchObject({ type: 'fixed', id: 0 })
    const answer = (await handlers[0].run(request())) as HttpResponse
    expect(answer.headers.get('x-mw')).toBe('1')
    expect(thrown(() => answer.statusCode).code).toBe('ARMATURE_NATIVE_RESPONSE_READ')
  })

  test('wants a response', () => {
    expect(thrown(() => fixed('x' as unknown as HttpResponse)).code).toBe('ARMATURE_RESPONSE_TYPE')
  })
})

describe('default()', () => {
  test('is inside the middleware of the application and its scope', () => {
    const { plan, handlers } = compile(
      App.new()
        .wrap(pass)
        .default(handler)
        .scope('/a', (s) => s.default(handler))
        .scope('/b', (s) => s.default(fixed(HttpResponse.notFound()))),
    )
    expect(plan.scopes.map((s) => s.fallback)).toMatchObject([
      { type: 'js', id: 0 },
      { type: 'js', id: 1 },
      { type: 'fixed', id: 2, status: 404 },
    ])
    expect(handlers.map((h) => h.pattern)).toEqual(['', '', ''])
    expect(handlers[0].run).not.toBe(handler)
  })

  test('twice in a scope, or for a prefix, is a conflict', () => {
    expect(thrown(() => App.new().default(handler).default(handler)).code).toBe('ARMATURE_ROUTE_CONFLICT')
    const app = App.new()
      .scope('/a', (s) => s.default(handler))
      .service(scope('/a').default(handler))
    expect(thrown(() => compile(app)).code).toBe('ARMATURE_ROUTE_CONFLICT')
  })

  test('of one of several scopes with a prefix belongs to the first, which Rust asks', () => {
    const beside = App.new()
      .service(scope('/a').get('/x', handler))
      .service(scope('/a').wrap(Logger.json()).default(handler))
    expect(compile(beside).plan.scopes).toMatchObject([
      { fallback: null },
      { prefix: '/a', layers: [0], fallback: { type: 'js' } },
      { prefix: '/a', layers: [], fallback: null },
    ])
    const within = App.new().service(new Router().default(handler))
    expect(compile(within).plan.scopes).toMatchObject([{ fallback: { type: 'js' } }, { fallback: null }])
  })
})

describe('layers', () => {
  test('are recognised by their symbol and keep frozen options', () => {
    const options = { origins: ['https://a.example'] }
    const layer = Cors.new(options)
    options.origins.push('https://b.example')
    expect(layer.type).toBe('cors')
    expect(layer.options).toEqual({ origins: ['https://a.example'] })
    expect((layer as unknown as Record<symbol, unknown>)[Symbol.for('armature.layer')]).toBe(true)
    expect(Object.isFrozen(layer.options)).toBe(true)
    expect(Object.isFrozen(layer.options.origins)).toBe(true)
    expect(Logger.default().type).toBe('logger')
    expect(RequestId.new({ trust: true }).options).toEqual({ trust: true })
  })

  test('of another copy of the package are layers', () => {
    const foreign = { [Symbol.for('armature.layer')]: true, type: 'logger', options: {}, answers: false }
    expect(compile(App.new().wrap(foreign as unknown as Logger)).plan.layers).toEqual([
      { type: 'logger', options: {} },
    ])
  })

  test('refuse options that would be lost on the way', () => {
    for (const skip of [() => true, Symbol('s'), 1n]) {
      const error = thrown(() => Logger.new({ skip: [skip] } as never))
      expect(error).toBeInstanceOf(TypeError)
      expect(error.code).toBe('ARMATURE_OPTION_INVALID')
    }
    expect(thrown(() => Logger.new(null as never)).code).toBe('ARMATURE_OPTION_INVALID')
  })

  test('that answer by themselves may not stand inside JavaScript, unless they say so', () => {
    const cache = (options: object) =>
      ({ [Symbol.for('armature.layer')]: true, type: 'cache', options, answers: true }) as unknown as Logger
    const error = thrown(() =>
      compile(
        App.new()
          .wrap(pass)
          .scope('/x', (s) => s.wrap(cache({}))),
      ),
    )
    expect(error).toBeInstanceOf(TypeError)
    expect(error.code).toBe('ARMATURE_LAYER_ORDER')
    expect(error.message).toContain('cache')
    expect(thrown(() => compile(App.new().get('/', { use: [pass, cache({})] }, handler))).code).toBe(
      'ARMATURE_LAYER_ORDER',
    )
    compile(App.new().wrap(cache({})).wrap(pass).get('/', handler))
    compile(
      App.new()
        .wrap(pass)
        .wrap(cache({ beforeJs: true }))
        .get('/', handler),
    )
  })
})
