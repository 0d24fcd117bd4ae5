import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  ArmatureError,
  type ArmatureErrorCode,
  ERROR_BRAND,
  errorMessage,
  errorTable,
  isBranded,
  isErrorCode,
  nameOf,
  typeError,
} from '../../src/errors.js'

describe('the error reference', () => {
  const page = readFileSync(join(__dirname, '../../docs/reference/errors.md'), 'utf8')
  const rows = [...page.matchAll(/^\| `(ARMATURE_\w+)` \| (\d+|-) \| (.+) \|$/gm)]

  it('has one row per code, with its status', () => {
    const documented = Object.fromEntries(rows.map(([, code, status]) => [code, status]))
    const expected = Object.fromEntries(
      Object.entries(errorTable).map(([code, [status]]) => [code, String(status ?? '-')]),
    )
    expect(documented).toEqual(expected)
    expect(rows).toHaveLength(Object.keys(errorTable).length)
  })

  it('says what each code means', () => {
    for (const [, code, , meaning] of rows) expect(meaning?.length, code).toBeGreaterThan(20)
  })
})

describe('ArmatureError', () => {
  it('fills the message of its code', () => {
    const error = new ArmatureError('ARMATURE_PARAM_UNKNOWN', { name: 'slug', route: '/users/:id' })
    expect(error.message).toBe("route '/users/:id' has no parameter 'slug'")
    expect(error).toMatchObject({ name: 'ArmatureError', code: 'ARMATURE_PARAM_UNKNOWN', status: 500 })
    expect(error).toBeInstanceOf(Error)
    expect(error.stack).toContain('errors.test')
  })

  it('takes a message and a cause', () => {
    const cause = new Error('EADDRINUSE')
    const error = new ArmatureError('ARMATURE_LISTEN', 'cannot listen on :80', { cause })
    expect(error).toMatchObject({ message: 'cannot listen on :80', cause, status: undefined })
  })

  it('is recognised by its brand', () => {
    expect(isBranded(new ArmatureError('ARMATURE_INTERNAL'), ERROR_BRAND)).toBe(true)
    expect(isBranded(new Error('other'), ERROR_BRAND)).toBe(false)
    expect(isBranded(null, ERROR_BRAND)).toBe(false)
    expect(isBranded('text', ERROR_BRAND)).toBe(false)
  })

  it('keeps name out of its own properties', () => {
    expect(Object.keys(new ArmatureError('ARMATURE_INTERNAL'))).toEqual(['code', 'status'])
  })
})

describe('typeError', () => {
  it('is a TypeError with a code, whose stack begins at the caller', () => {
    const error = typeError('ARMATURE_OPTION_INVALID', {
      option: 'io',
      value: 'fast',
      allowed: "'auto' or 'inline'",
    })
    expect(error).toBeInstanceOf(TypeError)
    expect(error.code).toBe('ARMATURE_OPTION_INVALID')
    expect(error.message).toBe("io: fast is not 'auto' or 'inline'")
    expect(error.stack?.split('\n')[1]).toContain('errors.test')
  })
})

describe('messages', () => {
  it('name what is missing instead of showing a placeholder', () => {
    for (const code of Object.keys(errorTable) as ArmatureErrorCode[]) {
      expect(errorMessage(code)).not.toMatch(/\{\w+\}/)
    }
  })

  it('insert values literally', () => {
    expect(errorMessage('ARMATURE_DATA_MISSING', { name: '$& {name}' })).toContain("'$& {name}'")
  })
})

it('isErrorCode', () => {
  expect(isErrorCode('ARMATURE_LISTEN')).toBe(true)
  expect(isErrorCode('ENOENT')).toBe(false)
  expect(isErrorCode('toString')).toBe(false)
})

it('nameOf names a value without printing it', () => {
  class Secret {}
  expect(nameOf(new Secret())).toBe('an instance of Secret')
  expect(nameOf(Object.create(null))).toBe('an object')
  expect(nameOf(function handler() {})).toBe('function handler')
  expect(nameOf(() => {})).toBe('a function')
  expect(nameOf(10n)).toBe('a bigint')
  expect(nameOf(Symbol('s'))).toBe('a symbol')
  expect(nameOf(null)).toBe('null')
  expect(nameOf(undefined)).toBe('undefined')
})
