import { ArmatureError, nameOf, typeError } from '../errors.js'
import type { HealthCheckOptions, HealthOptions } from '../generated/layers.js'
import { validateHealthCheck } from '../native.js'
import { NativeLayer } from './layer.js'

/** @internal One check as it was declared. */
export interface DeclaredCheck {
  readonly name: string
  readonly run: HealthCheck
  readonly options: Readonly<HealthCheckOptions>
  /** In milliseconds. */
  readonly interval: number
  /** In milliseconds. */
  readonly timeout: number
}

/**
 * Finds out whether something works. It has failed when it throws, rejects, gives `false` or takes too long; `signal` is
 * aborted then.
 */
export type HealthCheck = (signal: AbortSignal) => unknown

/**
 * Answers liveness and readiness probes in Rust, from the last results of checks: also while JavaScript is busy. Readiness
 * fails as soon as the server begins to stop.
 *
 * @example
 * app.wrap(Health.default().check('database', () => database.ping(), { interval: '5s', timeout: '1s' }))
 */
export class Health extends NativeLayer<HealthOptions> {
  /** @internal */
  override readonly answers = true
  readonly #checks: DeclaredCheck[] = []
  #frozen = false

  private constructor(options: HealthOptions) {
    super('health', options)
  }

  /** `/healthz` and `/readyz`, which say no more than pass or fail. */
  static default(): Health {
    return new Health({})
  }

  /** @throws TypeError `ARMATURE_OPTION_INVALID` */
  static new(options: HealthOptions): Health {
    return new Health(options)
  }

  /**
   * Adds a check, which runs while the server does: at its start, and again and again. Each JavaScript thread runs its own; all
   * have to pass.
   *
   * @throws TypeError `ARMATURE_OPTION_INVALID`, also for a name that there is; ArmatureError `ARMATURE_APP_FROZEN` once the
   * application listens
   */
  check(name: string, run: HealthCheck, options: HealthCheckOptions = {}): this {
    if (this.#frozen) throw new ArmatureError('ARMATURE_APP_FROZEN', { what: `health check '${name}'` })
    if (typeof name !== 'string' || name === '') throw wrong('name of check()', name, 'a text')
    if (this.#checks.some((check) => check.name === name)) throw wrong('name of check()', name, 'a new one')
    if (typeof run !== 'function') throw wrong(`check '${name}'`, run, 'a function')
    const frozen = Object.freeze({ ...options })
    const [interval, timeout] = validateHealthCheck(JSON.stringify(frozen))
    this.#checks.push({ name, run, options: frozen, interval, timeout })
    return this
  }

  /** @internal */
  override get _checks(): readonly DeclaredCheck[] {
    return this.#checks
  }

  /** @internal The application runs: what is declared later would have no effect. */
  override _freeze(): void {
    this.#frozen = true
  }
}

function wrong(option: string, value: unknown, allowed: string): TypeError {
  const text = typeof value === 'string' ? `'${value}'` : nameOf(value)
  return typeError('ARMATURE_OPTION_INVALID', { option, value: text, allowed })
}
