import { App, key, Router, scope } from '@armature/core'
import { describe, expect, test } from 'vitest'
import { compile } from '../../dist/compile.js'
import { request, thrown } from './support.js'

class Database {}
abstract class Cache {}
const Mail = key<{ send(): void }>('mail')
const smtp = { send() {} }

function find(app: App, asked: unknown, route = 0) {
  const handler = compile(app).handlers[route]
  return request(handler).data(asked as typeof Database)
}

describe('data()', () => {
  test('is keyed by the class of the value, by a class or by a key', () => {
    const db = new Database()
    const cache = { fake: true }
    const app = App.new()
      .data(db)
      .data(Cache, cache)
      .data(Mail, smtp)
      .get('/', () => {})
    expect(find(app, Database)).toBe(db)
    expect(find(app, Cache)).toBe(cache)
    expect(find(app, Mail)).toBe(smtp)
  })

  test('a key may hold anything, two keys of one name are two keys', () => {
    const port = key<number | undefined>('port')
    const app = App.new()
      .data(port, undefined)
      .data(key<number>('port'), 2)
      .get('/', () => {})
    expect(find(app, port)).toBeUndefined()
  })

  test('a scope shadows the application; beside it nothing changes', () => {
    const [outer, inner] = [new Database(), new Database()]
    const app = App.new()
      .get('/', () => {})
      .data(outer)
      .scope('/a', (s) => s.data(inner).get('/', () => {}))
      .scope('/b', (s) => s.get('/', () => {}))
    expect(find(app, Database, 0)).toBe(outer)
    expect(find(app, Database, 1)).toBe(inner)
    expect(find(app, Database, 2)).toBe(outer)
  })

  test('a missing one throws with its name', () => {
    const app = App.new().get('/', () => {})
    const byClass = thrown(() => find(app, Database))
    expect(byClass.code).toBe('ARMATURE_DATA_MISSING')
    expect(byClass.message).toContain('Database')
    expect(thrown(() => find(app, Mail)).message).toContain('mail')
  })

  test.each([
    ['a plain object', {}, 'data(key, value)'],
    ['an object without prototype', Object.create(null), 'data(key, value)'],
    ['a list', [], 'data(key, value)'],
    ['a text', 'x', 'data(key, value)'],
    ['null', null, 'data(key, value)'],
    ['a class', Database, "write 'new'"],
    ['a key', Mail, 'data(key, value)'],
    ['a promise', Promise.resolve(new Database()), "write 'await'"],
  ])('%s alone is a TypeError', (_, value, hint) => {
    const error = thrown(() => App.new().data(value as object))
    expect(error).toBeInstanceOf(TypeError)
    expect(error.code).toBe('ARMATURE_DATA_KEY')
    expect(error.message).toContain(hint)
  })

  test.each([
    ['a text', 'mail'],
    ['an object', { name: 'mail' }],
    ['an arrow function', () => {}],
    ['undefined', undefined],
  ])('%s as a key is a TypeError', (_, wrong) => {
    const error = thrown(() => App.new().data(wrong as unknown as typeof Database, new Database()))
    expect(error).toBeInstanceOf(TypeError)
    expect(error.code).toBe('ARMATURE_DATA_KEY')
  })

  test('a key twice in one scope is an error, in two scopes it is not', () => {
    for (const declare of [
      () => App.new().data(new Database()).data(new Database()),
      () => App.new().data(new Database()).data(Database, new Database()),
      () => scope('/x').data(Mail, smtp).data(Mail, smtp),
    ]) {
      expect(thrown(declare).code).toBe('ARMATURE_DATA_DUPLICATE')
    }
    App.new().data(new Database()).service(new Router().data(new Database()))
  })

  test('key() wants a name', () => {
    expect(thrown(() => key('')).code).toBe('ARMATURE_OPTION_INVALID')
    expect(thrown(() => key(undefined as unknown as string)).code).toBe('ARMATURE_OPTION_INVALID')
  })
})
