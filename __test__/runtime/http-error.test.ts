import { describe, expect, it } from 'vitest'
import { HttpError, isHttpError, requestError, statusTitle } from '../../src/http-error.js'
import { thrown } from './helper.js'

describe('HttpError', () => {
  it('carries what it was given', () => {
    const cause = new Error('unique violation')
    const headers = { 'X-Hint': 'a', 'retry-after': 3 }
    const error = new HttpError(409, 'taken', { code: 'email_taken', cause, headers, expose: true })
    expect(error).toMatchObject({
      name: 'HttpError',
      message: 'taken',
      status: 409,
      detail: 'taken',
      code: 'email_taken',
      cause,
      expose: true,
      headers: ['x-hint', 'a', 'retry-after', '3'],
    })
    expect(error).toBeInstanceOf(Error)
    expect(isHttpError(error)).toBe(true)
    expect(isHttpError(new Error('other'))).toBe(false)
  })

  it('is titled by its status without a detail', () => {
    const error = new HttpError(404)
    expect(error.message).toBe('Not Found')
    expect(error.detail).toBeUndefined()
    expect('cause' in error).toBe(false)
  })

  it('shows the detail below 500 only, by default', () => {
    expect(new HttpError(499).expose).toBe(true)
    expect(new HttpError(500).expose).toBe(false)
    expect(new HttpError(400, 'x', { expose: false }).expose).toBe(false)
  })

  it('is recognised when another copy of the package made it', () => {
    const other = Object.assign(new Error('x'), { [Symbol.for('armature.httpError')]: true })
    expect(isHttpError(other)).toBe(true)
  })

  it.each([200, 399, 600, 404.5, Number.NaN])('refuses status %s', (status) => {
    expect(thrown(() => new HttpError(status))).toMatchObject({ code: 'ARMATURE_STATUS_INVALID' })
  })

  it('refuses headers that cannot be sent', () => {
    const make = (headers: Record<string, string>) => thrown(() => new HttpError(400, 'x', { headers }))
    expect(make({ 'x-a': 'b\r\nc: d' })).toMatchObject({ code: 'ARMATURE_HEADER_INVALID' })
    expect(make({ connection: 'close' })).toMatchObject({ code: 'ARMATURE_HEADER_INVALID' })
  })

  it.each([
    ['badRequest', 400],
    ['unauthorized', 401],
    ['forbidden', 403],
    ['notFound', 404],
    ['methodNotAllowed', 405],
    ['conflict', 409],
    ['unprocessable', 422],
    ['tooManyRequests', 429],
    ['internalError', 500],
    ['serviceUnavailable', 503],
  ] as const)('%s is %i', (name, status) => {
    const error = HttpError[name]('because', { code: 'c' })
    expect(error).toBeInstanceOf(HttpError)
    expect(error).toMatchObject({ status, detail: 'because', code: 'c' })
    expect(HttpError[name]()).toMatchObject({ status, detail: undefined })
  })

  it('says when to try again', () => {
    expect(HttpError.tooManyRequests('slow down', { retryAfter: 1.2 }).headers).toEqual(['retry-after', '2'])
    const at = new Date(Date.UTC(2030, 0, 1))
    const error = HttpError.serviceUnavailable(undefined, { retryAfter: at, headers: [['x-a', 'b']] })
    expect(error.headers).toEqual(['retry-after', 'Tue, 01 Jan 2030 00:00:00 GMT', 'x-a', 'b'])
    for (const retryAfter of [-1, Number.POSITIVE_INFINITY, new Date('never')]) {
      const failed = thrown(() => HttpError.tooManyRequests('x', { retryAfter }))
      expect(failed).toMatchObject({ code: 'ARMATURE_HEADER_INVALID' })
    }
  })
})

it('requestError takes status and detail from the table', () => {
  const cause = new Error('c')
  const error = requestError('ARMATURE_BODY_TOO_LARGE', { limit: 10 }, cause)
  expect(error).toMatchObject({ status: 413, code: 'ARMATURE_BODY_TOO_LARGE', cause })
  expect(error.detail).toContain('10 bytes')
})

it('statusTitle', () => {
  expect(statusTitle(422)).toBe('Unprocessable Entity')
  expect(statusTitle(499)).toBe('Error')
})
