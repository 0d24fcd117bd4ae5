import { isBranded, nameOf, typeError } from '../errors.js'
import { validateLayer } from '../native.js'
import { bytes } from '../options.js'
import type { DeclaredCheck } from './health.js'

const LAYER: unique symbol = Symbol.for('armature.layer')

/**
 * A layer that runs in Rust, before JavaScript and again after it. Made by the statics of its class, such as
 * `Logger.default()`; its options cannot be changed afterwards.
 */
export abstract class NativeLayer<Options extends object = object> {
  static {
    Object.defineProperty(NativeLayer.prototype, LAYER, { value: true })
  }

  declare readonly [LAYER]: true
  /** Which layer of the engine it is: `'cors'`. */
  readonly type: string
  /** What it was made with, as a frozen copy; defaults are not filled in. */
  readonly options: Readonly<Options>
  /**
   * Whether it answers successful requests by itself, so that JavaScript around it would be skipped.
   *
   * @internal
   */
  readonly answers: boolean = false

  /** @internal What it has JavaScript look after. */
  get _checks(): readonly DeclaredCheck[] {
    return []
  }

  /** @internal The application runs. */
  _freeze(): void {}

  /** @throws TypeError `ARMATURE_OPTION_INVALID`, which names the option, the value and what is allowed */
  protected constructor(type: string, options: Options) {
    const json = JSON.stringify(checkObject(type, options), function (name, value: unknown) {
      // A Buffer has a `toJSON`, which comes before.
      const own: unknown = (this as Record<string, unknown>)[name]
      return own instanceof Uint8Array ? bytes(own) : plainValue(type, name, value)
    })
    validateLayer(type, json)
    this.type = type
    this.options = deepFreeze(JSON.parse(json))
  }
}

/** @internal Also true for layers of another copy of this package. */
export function isNativeLayer(value: unknown): value is NativeLayer {
  return isBranded(value, LAYER)
}

function checkObject(type: string, options: object): object {
  if (typeof options === 'object' && options !== null && !Array.isArray(options)) return options
  throw typeError('ARMATURE_OPTION_INVALID', {
    option: `options of ${type}`,
    value: nameOf(options),
    allowed: 'an object',
  })
}

// JSON.stringify leaves functions and symbols out and makes null of NaN: an option that is accepted and has no effect.
function plainValue(type: string, name: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    const details = { option: `${type}.${name}`, value: String(value), allowed: 'a finite number' }
    throw typeError('ARMATURE_OPTION_INVALID', details)
  }
  if (typeof value !== 'function' && typeof value !== 'symbol' && typeof value !== 'bigint') return value
  throw typeError('ARMATURE_OPTION_INVALID', {
    option: `${type}.${name}`,
    value: nameOf(value),
    allowed: 'plain data, which is all that the engine can read',
  })
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) for (const part of Object.values(value)) deepFreeze(part)
  return Object.freeze(value)
}
