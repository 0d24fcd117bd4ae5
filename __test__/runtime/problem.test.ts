import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { BodyKind } from '../../src/bridge/types.js'
import { isDevelopment, setDevelopment } from '../../src/development.js'
import { ArmatureError, typeError } from '../../src/errors.js'
import { HttpError } from '../../src/http-error.js'
import { logUnhandled } from '../../src/log/unhandled.js'
import type { ScopeRuntime } from '../../src/plan.js'
import { errorToResponse, resolveError } from '../../src/problem.js'
import { HttpRequest } from '../../src/request.js'
import { HttpResponse } from '../../src/response.js'
import { FakeSource, fakeRequest } from './helper.js'

beforeEach(() => setDevelopment(false))
afterEach(() => {
  setDevelopment(undefined)
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
})

describe('errorToResponse', () => {
  const body = (error: unknown) => {
    const res = errorToResponse(error, 'req-7')
    expect(res.headers.get('content-type')).toBe('application/problem+json')
    expect(res._kind).toBe(BodyKind.Json)
    expect((res.value as { status: number }).status).toBe(res.statusCode)
    return res.value
  }

  it('sends what an HttpError says', () => {
    expect(body(new HttpError(409, 'taken', { code: 'email_taken', cause: new Error('secret') }))).toEqual({
      title: 'Conflict',
      status: 409,
      detail: 'taken',
      code: 'email_taken',
      requestId: 'req-7',
    })
    expect(body(HttpError.notFound())).toEqual({ title: 'Not Found', status: 404, requestId: 'req-7' })
  })

  it('hides the detail from 500 on, unless it is exposed', () => {
    expect(body(new HttpError(503, 'db down', { code: 'db' }))).toEqual({
      title: 'Service Unavailable',
      status: 503,
      code: 'db',
      requestId: 'req-7',
    })
    expect(body(new HttpError(503, 'maintenance', { expose: true }))).toMatchObject({ detail: 'maintenance' })
    expect(body(new HttpError(404, 'secret', { expose: false }))).not.toHaveProperty('detail')
  })

  it('sends the headers of an HttpError', () => {
    const headers = [
      ['www-authenticate', 'Basic'],
      ['www-authenticate', 'Bearer'],
    ] as const
    const res = errorToResponse(HttpError.unauthorized('who?', { headers }), 'r')
    expect(res.headers.getAll('www-authenticate')).toEqual(['Basic', 'Bearer'])
  })

  it.each([
    ['an Error', new Error('secret')],
    ['an error with a code of its own', Object.assign(new Error('secret'), { code: 'ENOENT', status: 404 })],
    ['a string', 'secret'],
    ['undefined', undefined],
    ['null', null],
    ['an object', { status: 404, detail: 'secret' }],
  ])('answers 500 and nothing more for %s', (_, error) => {
    expect(body(error)).toEqual({
      title: 'Internal Server Error',
      status: 500,
      code: 'ARMATURE_INTERNAL',
      requestId: 'req-7',
    })
  })

  it('names the code of our own errors, and their status', () => {
    expect(body(new ArmatureError('ARMATURE_NEXT_TWICE'))).toMatchObject({
      status: 500,
      code: 'ARMATURE_NEXT_TWICE',
    })
    expect(body(new ArmatureError('ARMATURE_NEXT_TWICE'))).not.toHaveProperty('detail')
    expect(body(new ArmatureError('ARMATURE_NOT_AVAILABLE', { feature: 'x' }))).toMatchObject({ status: 501 })
    expect(body(typeError('ARMATURE_HEADER_INVALID', 'x'))).toMatchObject({ code: 'ARMATURE_HEADER_INVALID' })
    expect(body(new ArmatureError('ARMATURE_NOT_FOUND'))).toMatchObject({
      status: 404,
      detail: 'nothing is served at this path',
    })
  })

  it('shows the stack in development, for server errors only', () => {
    setDevelopment(true)
    expect(body(new Error('boom'))).toMatchObject({ stack: expect.stringContaining('Error: boom\n') })
    expect(body({ no: 'error' })).toMatchObject({ stack: "{ no: 'error' }" })
    expect(body(HttpError.notFound('x'))).not.toHaveProperty('stack')
  })

  it('reads NODE_ENV once', () => {
    setDevelopment(undefined)
    vi.stubEnv('NODE_ENV', 'production')
    expect(isDevelopment()).toBe(false)
    vi.stubEnv('NODE_ENV', 'test')
    expect(isDevelopment()).toBe(false)
    setDevelopment(undefined)
    expect(isDevelopment()).toBe(true)
  })
})

describe('resolveError', () => {
  const unhandled = vi.fn()
  beforeEach(() => unhandled.mockReset())
  const req = fakeRequest()
  const scopes = (...levels: ScopeRuntime['onError'][]): ScopeRuntime => {
    let scope: ScopeRuntime | null = null
    for (const onError of levels.reverse()) scope = { parent: scope, data: new Map(), onError }
    return scope as ScopeRuntime
  }
  const resolve = async (error: unknown, ...levels: ScopeRuntime['onError'][]) =>
    await resolveError(error, req, scopes(...levels), unhandled)

  it('asks the nearest scope first, in order of declaration', async () => {
    const asked: string[] = []
    const pass = (name: string) => () => {
      asked.push(name)
      return undefined
    }
    const res = await resolve(
      new Error('x'),
      [pass('route 1'), pass('route 2')],
      [],
      [pass('app'), () => 'handled', pass('never')],
    )
    expect(asked).toEqual(['route 1', 'route 2', 'app'])
    expect(res).toMatchObject({ statusCode: 200, value: 'handled' })
    expect(unhandled).not.toHaveBeenCalled()
  })

  it('passes the error and the request', async () => {
    const handler = vi.fn((_error: unknown, _req: HttpRequest) => HttpResponse.status(418))
    const error = HttpError.conflict()
    expect((await resolve(error, [handler])).statusCode).toBe(418)
    expect(handler).toHaveBeenCalledWith(error, req)
  })

  it('passes a new error outwards', async () => {
    const second = HttpError.badRequest('second')
    const seen: unknown[] = []
    const res = await resolve(
      new Error('first'),
      [
        () => {
          throw second
        },
      ],
      [
        (error) => {
          seen.push(error)
        },
      ],
    )
    expect(seen).toEqual([second])
    expect(res.value).toMatchObject({ detail: 'second' })
  })

  it('awaits promises: values, undefined and rejections', async () => {
    expect((await resolve('e', [async () => ({ ok: true })])).value).toEqual({ ok: true })
    expect((await resolve('e', [async () => undefined, async () => 'next'])).value).toBe('next')
    const res = await resolve('e', [() => Promise.reject(HttpError.notFound('gone'))])
    expect(res.value).toMatchObject({ detail: 'gone' })
  })

  it('takes null for an answer', async () => {
    expect((await resolve('e', [() => null])).statusCode).toBe(204)
  })

  it('passes what cannot be a response outwards as an error', async () => {
    const seen: unknown[] = []
    await resolve('e', [() => () => 1, (error) => void seen.push(error)])
    expect(seen).toMatchObject([{ code: 'ARMATURE_RESPONSE_TYPE' }])
  })

  it('is synchronous without handlers', () => {
    const res = resolveError(HttpError.notFound('x'), req, scopes([], []), unhandled)
    expect(res).toBeInstanceOf(HttpResponse)
    expect((res as HttpResponse).value).toMatchObject({ requestId: 'req-1' })
  })

  it('reports what the client is not told', async () => {
    const error = new Error('x')
    await resolve(error, [() => undefined])
    expect(unhandled).toHaveBeenCalledExactlyOnceWith(error, req)
    unhandled.mockReset()
    await resolve(new HttpError(500, 'x'))
    await resolve(new ArmatureError('ARMATURE_NEXT_TWICE'))
    expect(unhandled).toHaveBeenCalledTimes(2)
  })

  it('does not report what the client is told', async () => {
    await resolve(HttpError.notFound('x'))
    await resolve(HttpError.serviceUnavailable('maintenance', { expose: true }))
    expect(unhandled).not.toHaveBeenCalled()
  })
})

describe('logUnhandled', () => {
  const written = () => {
    const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    return () => write.mock.calls.map(([text]) => String(text)).join('')
  }

  it('writes request, stack and causes to stderr, by default of resolveError too', () => {
    const log = written()
    const error = new Error('outer', { cause: new Error('inner') })
    resolveError(error, fakeRequest({ id: 'abc' }), { parent: null, data: new Map(), onError: [] })
    expect(log()).toMatch(/^\[armature\] GET \/users\/1 failed \(request abc\)\nError: outer\n/)
    expect(log()).toContain('problem.test')
    expect(log()).toContain('[cause]: Error: inner')
  })

  it('writes what is no Error', () => {
    const log = written()
    logUnhandled({ odd: 1 }, fakeRequest())
    logUnhandled(undefined, fakeRequest())
    expect(log()).toContain('{ odd: 1 }')
    expect(log()).toContain('undefined')
  })

  it('is silent about the consequences of an abort', () => {
    const log = written()
    const source = new FakeSource()
    const req = new HttpRequest(source, [])
    const { signal } = req
    source.abort('client-gone')
    logUnhandled(signal.reason, req)
    logUnhandled(new Error('aborted', { cause: signal.reason }), req)
    expect(log()).toBe('')
    logUnhandled(new Error('a bug'), req)
    expect(log()).toContain('a bug')
  })
})
