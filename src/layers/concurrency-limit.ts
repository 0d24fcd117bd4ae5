import type { ConcurrencyLimitOptions } from '../generated/layers.js'
import { NativeLayer } from './layer.js'

/**
 * Lets at most so many requests of a scope or a route be in flight, on all IO threads together; the rest waits in line, or
 * gets 503 with `Retry-After`.
 *
 * @example
 * app.scope('/reports', (reports) => reports.wrap(ConcurrencyLimit.new({ max: 4, queue: 20 })).get('/:year', report))
 */
export class ConcurrencyLimit extends NativeLayer<ConcurrencyLimitOptions> {
  private constructor(options: ConcurrencyLimitOptions) {
    super('concurrencyLimit', options)
  }

  /** 1000 requests; nobody waits. */
  static default(): ConcurrencyLimit {
    return new ConcurrencyLimit({})
  }

  /** @throws TypeError `ARMATURE_OPTION_INVALID` */
  static new(options: ConcurrencyLimitOptions): ConcurrencyLimit {
    return new ConcurrencyLimit(options)
  }
}
