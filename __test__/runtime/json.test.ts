// What is written must be what JSON.stringify makes, byte for byte, for whatever a handler returns.
import { expect, test } from 'vitest'
import { JsonWriter } from '../../src/bridge/json.js'

const writer = new JsonWriter()

/** A value or what was thrown, so that both ways can be compared. */
function outcome(run: () => string | undefined): unknown {
  try {
    return run()
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message.split('\n')[0]}`
  }
}

const written = (value: object) => {
  const length = writer.write(value)
  return length < 0 ? undefined : Buffer.from(writer.words.buffer, 0, length).toString()
}

function expectSame(value: object): void {
  const got = outcome(() => written(value))
  // What it leaves to JSON.stringify is none of its business.
  if (got !== undefined) expect(got).toBe(outcome(() => JSON.stringify(value)))
}

test('what is written is taken, and not left to JSON.stringify', () => {
  for (const value of [{}, [], { a: 1 }, [1, 'x'], { a: { b: [null, { c: true }] } }]) {
    expect(written(value)).toBe(JSON.stringify(value))
  }
})

test('texts, with and without what has to be escaped', () => {
  const texts = [
    '',
    '"',
    '\\',
    '\n',
    '\0',
    '\u001f',
    ' ~',
    '\u007f',
    'é',
    '漢字',
    '😀',
    '\ud800',
    'a\udc00b',
    '\u2028',
    '</script>',
  ]
  for (const text of [...texts, 'x'.repeat(47), 'x'.repeat(48), 'x'.repeat(49), 'é'.repeat(2000)]) {
    for (const each of [text, `abc${text}`, text + text]) expectSame({ [each]: each, more: [each] })
  }
})

test('numbers', () => {
  const numbers = [
    0,
    -0,
    1,
    9,
    10,
    -1,
    0.1,
    1e21,
    1e-7,
    2 ** 53,
    Number.MAX_VALUE,
    Number.MIN_VALUE,
    Number.NaN,
  ]
  expectSame([...numbers, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 123456.789])
})

test('what is not data', () => {
  class Point {
    x = 1
    #y = 2
    get y() {
      return this.#y
    }
  }
  const nothing = Object.assign(Object.create(null), { rawJSON: '1' })
  const named = { toJSON: (key: string) => `called ${key}` }
  const values = [
    undefined,
    () => 1,
    Symbol('s'),
    new Date(0),
    new Date(Number.NaN),
    new Map([[1, 2]]),
    new Point(),
    Object(1),
    Object('text'),
    Object(false),
    nothing,
    named,
    { toJSON: () => undefined },
    { toJSON: 5 },
    /x/,
    new Uint8Array(2),
    new Proxy({ a: 1 }, {}),
    new Proxy([1], {}),
    Object.create({ inherited: 1 }),
    Object.defineProperty({ seen: 1 }, 'hidden', { value: 2 }),
    new Array(3),
    Object.assign([1], { extra: 2 }),
    { [Symbol('s')]: 1, 2: 'two', 1: 'one', b: 0 },
    JSON.parse('{"__proto__":1,"constructor":2}'),
    { ['__proto__']: Object(1n) === undefined },
    (JSON as { rawJSON?: (text: string) => unknown }).rawJSON?.('1e1000'),
  ]
  for (const value of values) {
    expectSame({ first: value, second: [value, value], last: 1 })
    if (typeof value === 'object' && value !== null) expectSame(value)
  }
  expectSame(values)
})

test('what cannot be JSON throws the same', () => {
  const cycle: Record<string, unknown> = { a: [] }
  cycle.a = [{ back: cycle }]
  const fails = {
    get now() {
      throw new Error('not now')
    },
  }
  for (const value of [{ big: 1n }, [1n], { deep: { fails } }, { cycle }]) {
    expect(outcome(() => written(value))).toBe(outcome(() => JSON.stringify(value)))
  }
  expect(written({ still: 'works' })).toBe('{"still":"works"}')
})

test('a getter is asked once, and may change what is to come', () => {
  let asked = 0
  const value: Record<string, unknown> = {
    get a() {
      asked++
      delete value.b
      value.late = 1
      // Too long for the room that there is.
      return { text: 'é'.repeat(9000) }
    },
    b: 1,
    c: 'end',
  }
  expect(written(value)).toBe(`{"a":{"text":"${'é'.repeat(9000)}"},"c":"end"}`)
  expect(asked).toBe(1)
})

test('a getter that writes JSON itself does not disturb it', () => {
  const value = {
    before: 1,
    get inner() {
      return writer.write({ x: 'y'.repeat(20) })
    },
    after: 2,
  }
  expect(written(value)).toBe('{"before":1,"inner":-1,"after":2}')
})

test('depth and size', () => {
  let deep: object = { end: 1 }
  for (let i = 0; i < 40; i++) deep = i % 2 === 0 ? { deep, i } : [i, deep]
  expectSame(deep)
  expectSame(Array.from({ length: 3000 }, (_, i) => ({ i, text: 'x'.repeat(i % 60), more: [i / 3, null] })))
  expect(writer.write({ small: 1 })).toBe(11)
  expect(writer.words.byteLength, 'memory is given back').toBeLessThan(65_536)
})

test('values at random', () => {
  // xorshift, so that a failure can be had again.
  let state = 0x9e3779b9
  const random = (below: number) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
  const text = () =>
    Array.from({ length: random(8) === 0 ? random(70) : random(9) }, () =>
      random(9) === 0 ? String.fromCharCode(random(0x1_0000)) : String.fromCharCode(32 + random(95)),
    ).join('')
  const value = (depth: number): unknown => {
    const kind = random(depth > 5 ? 8 : 11)
    if (kind < 3) return text()
    if (kind < 5) return [random(100), -random(1000), random(1e9) / 7, random(1e9) * 1e15, -0][random(5)]
    if (kind < 8) return [true, false, null, undefined, Number.NaN, new Date(random(1e9)), () => 1][random(7)]
    if (kind === 8) return Array.from({ length: random(6) }, () => value(depth + 1))
    return Object.fromEntries(Array.from({ length: random(7) }, () => [text(), value(depth + 1)]))
  }
  for (let i = 0; i < 5000; i++) expectSame({ value: value(0), and: [value(0)] })
})
