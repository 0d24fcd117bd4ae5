import { nameOf, typeError } from './errors.js'
import { type AppOptions, RUN_ONLY, type RunOptions } from './generated/config.js'

/** How deep options are nested, `listen[0].tls.certificates[0].cert`; what is deeper is not looked at. */
const DEPTH = 6

/**
 * Options in a form that JSON can carry without a loss: what it does not have - `Infinity`, `NaN`, functions, bigints - is
 * named in a way that Rust recognises and refuses. As it is, JSON would leave it out or make it `null`, and an option that
 * was meant to say something would say nothing.
 *
 * @internal
 */
export function portable(options: object): Record<string, unknown> {
  return portableValue(options, DEPTH) as Record<string, unknown>
}

/**
 * @internal
 * @throws TypeError `ARMATURE_OPTION_INVALID` for anything but an object, and for options that only `run()` takes
 */
export function checkAppOptions(options: unknown): Readonly<AppOptions> {
  const checked = checkObject('App.new()', options, 'an object with options')
  const only = RUN_ONLY.find((name) => Object.hasOwn(checked, name))
  if (only === undefined) return Object.freeze({ ...checked })
  const why = `App.new() does not take '${only}', which belongs to the run and not to the application`
  throw typeError('ARMATURE_OPTION_INVALID', `${why}: give it to run({ ${only}: … })`)
}

/**
 * What `run()` was called with, as options.
 *
 * @internal
 * @throws TypeError `ARMATURE_OPTION_INVALID` for anything but an address, a port or an object
 */
export function readRunOptions(target: unknown): RunOptions {
  if (target === undefined) return {}
  if (typeof target === 'string' || typeof target === 'number') return { listen: target }
  return checkObject('run()', target, 'an address, a port or an object with options')
}

function checkObject(option: string, value: unknown, allowed: string): object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw typeError('ARMATURE_OPTION_INVALID', { option, value: nameOf(value), allowed })
}

function portableValue(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? value : foreign(String(value))
    case 'bigint':
      return foreign(`${value}n`)
    case 'function':
    case 'symbol':
      return foreign(nameOf(value))
    case 'object':
      if (value === null || depth === 0) return value
      if (value instanceof Uint8Array) return bytes(value)
      if (Array.isArray(value)) return value.map((each) => portableValue(each, depth - 1))
      if (Object.getPrototypeOf(value) !== Object.prototype && Object.getPrototypeOf(value) !== null)
        return value
      return portableObject(value, depth - 1)
    default:
      return value
  }
}

/** Without what is `undefined`: laid over other options it must not hide theirs. */
function portableObject(value: object, depth: number): object {
  const given = Object.entries(value).filter(([, each]) => each !== undefined)
  return Object.fromEntries(given.map(([name, each]) => [name, portableValue(each, depth)]))
}

/** `crates/armature-core/src/config/pem.rs` knows it: nothing else among the options is bytes, and PEM is ASCII. */
export function bytes(value: Uint8Array): object {
  return { '\0bytes': Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1') }
}

/** `crates/armature-core/src/config/deserializer.rs` knows it. */
function foreign(name: string): object {
  return { '\0': name }
}
