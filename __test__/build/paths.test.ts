import { App, get, Router, scope } from '@armature/core'
import { describe, expect, test } from 'vitest'
import { canonical, joinPath, parsePath } from '../../dist/paths.js'
import { thrown } from './support.js'

const handler = () => 'x'
const refuse = (path: string) => thrown(() => App.new().get(path, handler))

describe('paths', () => {
  test.each([
    ['/', [], '/'],
    ['/users', [], '/users'],
    ['/users/', [], '/users/'],
    ['/users/:id', ['id'], '/users/\0:'],
    ['/:a/:b_2/x', ['a', 'b_2'], '/\0:/\0:/x'],
    ['/files/*rest', ['rest'], '/files/\0*'],
    ['/a::b', [], '/a:b'],
    ['/::name', [], '/:name'],
    ['/::', [], '/:'],
    ['/caf%C3%A9', [], '/café'],
    ['/%41%2f', [], '/A%2F'],
    ['/a b', [], '/a b'],
  ])('%s is accepted', (path, params, key) => {
    const parsed = parsePath(path)
    expect(parsed.params).toEqual(params)
    expect(parsed.key).toBe(key)
  })

  test.each([
    ['users', "did you mean '/users'"],
    ['/users/{id}', "write ':id'"],
    ['/users/{*rest}', "write '*rest'"],
    ['/a/{}', "write ':name'"],
    ['/users/:id?', 'declare two routes'],
    ['/search?q', 'req.query'],
    ['/:id(\\d+)', 'check the value of the parameter in the handler'],
    ['/a)', 'parentheses'],
    ['/a#b', "write '%23'"],
    ['/a\nb', '%0A'],
    ['/a//b', "empty segment ('//')"],
    ['//', "empty segment ('//')"],
    ['/:', "write '::' for a literal colon"],
    ['/*', "as in '*rest'"],
    ['/*rest/more', 'must be the last segment'],
    ['/a*', "only a whole last segment such as '*rest'"],
    ['/a:b', "write '::' for a literal colon"],
    ['/:from-:to', 'must be a whole segment'],
    ['/:file.json', 'must be a whole segment'],
    ['/:1st', 'not starting with a digit'],
    ['/:é', 'letters, digits'],
    ['/:id/x/:id', "two parameters named 'id'"],
    ['/%zz', "write '%25'"],
    ['/100%', "write '%25'"],
    ['/%C3', "write '%25'"],
    [`/${Array.from({ length: 26 }, (_, i) => `:p${i}`).join('/')}`, 'at most 25'],
  ])('%j is a TypeError that says what to write', (path, hint) => {
    const error = refuse(path)
    expect(error).toBeInstanceOf(TypeError)
    expect(error.code).toBe('ARMATURE_ROUTE_PATTERN')
    expect(error.message).toContain(path)
    expect(error.message).toContain(hint)
  })

  test('a path that is not a string is a TypeError', () => {
    expect(refuse(7 as unknown as string).code).toBe('ARMATURE_ROUTE_PATTERN')
    expect(thrown(() => App.new().route(undefined as unknown as string, get(handler))).code).toBe(
      'ARMATURE_ROUTE_PATTERN',
    )
  })

  test('the canonical form is that of the Rust router', () => {
    for (const [sent, expected] of [
      ['%41%7e%2D%5f%2E', 'A~-_.'],
      ['%2f%3a%40', '%2F%3A%40'],
      ['%25', '%25'],
      ['%2541', '%2541'],
      ['caf%C3%A9-%f0%9f%8d%8c', 'café-🍌'],
      ['é%C3%A9', 'éé'],
      ['a%20b%7Bc%7D%5c', 'a b{c}\\'],
      ['%00%0a%7f', '%00%0A%7F'],
    ] as const) {
      expect(canonical(sent)).toBe(expected)
      expect(canonical(expected)).toBe(expected)
    }
    for (const bad of ['%', '%4', '%4g', '%g4', '%+1', '%%41', 'a%é0', '%ff', '%C3', '%c3é']) {
      expect(() => canonical(bad)).toThrow(URIError)
    }
  })
})

describe('prefixes', () => {
  test.each([
    ['', 'new Router()'],
    ['/', 'new Router()'],
    ['api', "did you mean '/api'"],
    ['/api/', "write '/api'"],
    ['/api/*rest', 'no wildcard'],
    ['/api/{id}', "write ':id'"],
  ])('%j is a TypeError', (prefix, hint) => {
    for (const declare of [() => scope(prefix), () => App.new().scope(prefix, () => {})]) {
      const error = thrown(declare)
      expect(error).toBeInstanceOf(TypeError)
      expect(error.code).toBe('ARMATURE_ROUTE_PATTERN')
      expect(error.message).toContain(hint)
    }
  })

  test("'' and '/' in a scope both mean the prefix", () => {
    expect(joinPath('/api', '')).toBe('/api')
    expect(joinPath('/api', '/')).toBe('/api')
    expect(joinPath('/api', '/x/')).toBe('/api/x/')
    expect(joinPath('', '')).toBe('/')
    expect(joinPath('', '/')).toBe('/')
    const twice = thrown(() => scope('/api').get('', handler).get('/', handler))
    expect(twice.code).toBe('ARMATURE_ROUTE_CONFLICT')
  })
})

describe('conflicts name both routes', () => {
  const conflict = (declare: () => unknown, route: string, existing: string) => {
    const error = thrown(declare)
    expect(error.code).toBe('ARMATURE_ROUTE_CONFLICT')
    expect(error.message).toContain(route)
    expect(error.message).toContain(existing)
  }

  test('the same method and path', () => {
    conflict(() => App.new().get('/a', handler).get('/a', handler), 'GET /a', 'GET /a')
    conflict(() => App.new().route('/a', get(handler).get(handler)), 'GET /a', 'GET /a')
    conflict(() => App.new().any('/a', handler).any('/a', handler), 'ANY /a', 'ANY /a')
  })

  test('parameters of other names, equivalent escapes', () => {
    conflict(() => App.new().get('/u/:id', handler).get('/u/:name', handler), 'GET /u/:name', 'GET /u/:id')
    conflict(() => App.new().get('/f/*a', handler).get('/f/*b', handler), 'GET /f/*b', 'GET /f/*a')
    conflict(() => App.new().get('/%41', handler).get('/A', handler), 'GET /A', 'GET /%41')
  })

  test('across scopes, when declared and when added', () => {
    const app = App.new().scope('/api', (s) => s.get('/x', handler))
    conflict(() => app.get('/api/x', handler), 'GET /api/x', 'GET /api/x')
    conflict(() => app.service(scope('/api').get('/x', handler)), 'GET /api/x', 'GET /api/x')
    conflict(() => app.service(new Router().get('/api/x', handler)), 'GET /api/x', 'GET /api/x')
    const late = scope('/late')
    app.service(late).get('/late/y', handler)
    conflict(() => late.get('/y', handler), 'GET /late/y', 'GET /late/y')
  })

  test('a parameter of the prefix and one of the path with the same name', () => {
    expect(thrown(() => scope('/:id').get('/:id', handler)).code).toBe('ARMATURE_ROUTE_PATTERN')
    const inner = scope('/:id').get('/x', handler)
    expect(thrown(() => App.new().scope('/:id', (s) => s.service(inner))).code).toBe('ARMATURE_ROUTE_PATTERN')
  })

  test('a scope that conflicts is not added in part', () => {
    const app = App.new().get('/api/b', handler)
    const api = scope('/api').get('/a', handler).get('/b', handler)
    conflict(() => app.service(api), 'GET /api/b', 'GET /api/b')
    app.get('/api/a', handler)
  })

  test('other methods, other kinds of segments and any() beside a method do not conflict', () => {
    App.new()
      .get('/a', handler)
      .post('/a', handler)
      .any('/a', handler)
      .get('/a/', handler)
      .get('/:x', handler)
      .get('/*x', handler)
      .get('/a::b', handler)
      .get('/u/:id', handler)
      .post('/u/:name', handler)
  })
})
