import { isError } from '../errors.js'

/** How deep a value is shown that JSON has no form for, and how many members of each part. */
const DEPTH = 8
const MEMBERS = 200

/** @internal A value as JSON, whatever it is: cycles, BigInts, and getters that throw do not. `undefined` for what JSON leaves out. */
export function toJson(value: unknown): string | undefined {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value)
    case 'number':
      return Number.isFinite(value) ? String(value) : `"${value}"`
    case 'boolean':
      return String(value)
    case 'bigint':
      return `"${value}"`
    case 'undefined':
    case 'function':
    case 'symbol':
      return undefined
  }
  if (value === null) return 'null'
  try {
    return JSON.stringify(value, replace)
  } catch {
    return walk(value, DEPTH, [])
  }
}

function replace(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  return typeof value === 'object' && value !== null && isError(value) ? describe(value, DEPTH) : value
}

/** What an error has to say, as data: its type, message and stack, its own members, and its causes. */
function describe(error: Error, depth: number): Record<string, unknown> {
  const out: Record<string, unknown> = {
    type: read(() => error.constructor?.name) ?? 'Error',
    message: read(() => error.message),
    stack: read(() => error.stack),
  }
  for (const name of read(() => Object.keys(error)) ?? []) {
    if (!(name in out)) out[name] = read(() => (error as unknown as Record<string, unknown>)[name])
  }
  const cause = read(() => error.cause)
  if (cause !== undefined) out.cause = depth > 0 && isError(cause) ? describe(cause, depth - 1) : cause
  const errors = read(() => (error as AggregateError).errors)
  if (Array.isArray(errors)) out.errors = errors
  return out
}

/** Part by part, where JSON.stringify cannot. */
function walk(value: unknown, depth: number, above: readonly object[]): string {
  if (typeof value !== 'object' || value === null) return toJson(value) ?? 'null'
  if (above.includes(value)) return '"[Circular]"'
  if (depth === 0) return Array.isArray(value) ? '"[Array]"' : '"[Object]"'
  const inside = [...above, value]
  try {
    if (Array.isArray(value)) {
      const items = value.slice(0, MEMBERS).map((item) => walk(item, depth - 1, inside))
      if (value.length > MEMBERS) items.push(`"${value.length - MEMBERS} more"`)
      return `[${items.join()}]`
    }
    const json = (value as { toJSON?: unknown }).toJSON
    if (typeof json === 'function') return walk(json.call(value), depth - 1, inside)
    return `{${walkMembers(isError(value) ? describe(value, depth) : value, depth, inside)}}`
  } catch {
    return THROWS
  }
}

function walkMembers(value: object, depth: number, above: readonly object[]): string {
  const members: string[] = []
  for (const name of Object.keys(value)) {
    if (members.length === MEMBERS) break
    let member: unknown
    try {
      member = (value as Record<string, unknown>)[name]
    } catch {
      members.push(`${JSON.stringify(name)}:${THROWS}`)
      continue
    }
    if (member === undefined || typeof member === 'function' || typeof member === 'symbol') continue
    members.push(`${JSON.stringify(name)}:${walk(member, depth - 1, above)}`)
  }
  return members.join()
}

const THROWS = '"[Throws]"'

/** @internal The members of an object, each as JSON, in order. */
export function membersOf(object: object): [name: string, json: string][] {
  const members: [string, string][] = []
  for (const name of read(() => Object.keys(object)) ?? []) {
    let json: string | undefined = THROWS
    try {
      json = toJson((object as Record<string, unknown>)[name])
    } catch {
      // A getter throws, or a proxy.
    }
    if (json !== undefined) members.push([name, json])
  }
  return members
}

function read<T>(get: () => T): T | undefined {
  try {
    return get()
  } catch {
    return undefined
  }
}
