import { nameOf, typeError } from './errors.js'

const KEY: unique symbol = Symbol.for('armature.key')

/**
 * Names a piece of shared state that has no class of its own; made by {@link key}. Two keys are different even when
 * their names are equal.
 */
export interface Key<in out T> {
  readonly [KEY]: true
  /** For error messages. */
  readonly name: string
  /** Only for the type checker: a key is tied to the type of its value. */
  readonly '~value'?: (value: T) => T
}

/** What shared state is found by: the class of the value, or a {@link Key}. */
export type DataKey<T> = (abstract new (...args: never[]) => T) | Key<T>

/**
 * Makes a key for shared state.
 *
 * @param name for error messages
 * @throws TypeError `ARMATURE_OPTION_INVALID` when the name is not a string or empty
 * @example
 * interface Mailer { send(to: string, text: string): Promise<void> }
 * const Mail = key<Mailer>('mail')
 * app.data(Mail, smtp)
 * app.post('/invite', (req) => req.data(Mail).send('a@example.com', 'welcome'))
 */
export function key<T>(name: string): Key<T> {
  if (typeof name !== 'string' || name === '') {
    const value = name === '' ? "''" : nameOf(name)
    throw typeError('ARMATURE_OPTION_INVALID', { option: 'name of key()', value, allowed: 'a text' })
  }
  return Object.freeze<Key<T>>({ name, [KEY]: true })
}

/**
 * Adds what `.data()` was called with to the state of one scope.
 *
 * @internal
 * @throws TypeError `ARMATURE_DATA_KEY`, `ARMATURE_DATA_DUPLICATE`
 */
export function addData(data: Map<unknown, unknown>, args: readonly unknown[]): void {
  const [dataKey, value] = args.length > 1 ? [checkKey(args[0]), args[1]] : [classOf(args[0]), args[0]]
  if (data.has(dataKey)) throw typeError('ARMATURE_DATA_DUPLICATE', { name: dataName(dataKey) })
  data.set(dataKey, value)
}

/** @internal How messages call the state behind a key. */
export function dataName(dataKey: unknown): string {
  const name = (dataKey as { name?: unknown } | null | undefined)?.name
  return typeof name === 'string' && name !== '' ? name : 'an anonymous class'
}

function checkKey(value: unknown): unknown {
  const isKey = typeof value === 'object' && value !== null && KEY in value
  if (isKey || isClass(value)) return value
  throw typeError('ARMATURE_DATA_KEY', { value: nameOf(value) })
}

function isClass(value: unknown): boolean {
  return typeof value === 'function' && typeof value.prototype === 'object' && value.prototype !== null
}

/** The class that a value is keyed by; whatever has none of its own could never be asked for. */
function classOf(value: unknown): unknown {
  const hint = classHint(value)
  if (hint === undefined) return (value as object).constructor
  throw typeError('ARMATURE_DATA_KEY', `data() is keyed by the class of its value: ${nameOf(value)} ${hint}`)
}

function classHint(value: unknown): string | undefined {
  if (typeof value === 'function') return "is no instance; write 'new', or name a key: data(key, value)"
  if (typeof value !== 'object' || value === null) return 'has no class; name a key: data(key, value)'
  if (KEY in value) return 'is a key and needs its value: data(key, value)'
  if (value instanceof Promise) return "is not the value yet; write 'await'"
  const prototype = Object.getPrototypeOf(value)
  const plain = prototype === null || Object.getPrototypeOf(prototype) === null || Array.isArray(value)
  const known = !plain && isClass(value.constructor)
  return known ? undefined : 'has no class of its own; name a key: data(key, value)'
}
