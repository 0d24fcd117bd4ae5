import type { CorsOptions } from '../generated/layers.js'
import { NativeLayer } from './layer.js'

/**
 * Cross-origin requests by the Fetch standard. Preflights are answered here, without JavaScript.
 *
 * @example
 * app.wrap(Cors.new({ origins: ['https://app.example.com'], credentials: true, maxAge: '10m' }))
 */
export class Cors extends NativeLayer<CorsOptions> {
  private constructor(options: CorsOptions) {
    super('cors', options)
  }

  /** No origin may read anything: preflights are answered and refused. */
  static default(): Cors {
    return new Cors({})
  }

  /** @throws TypeError `ARMATURE_OPTION_INVALID`, also for `credentials` with `'*'` as origin, method or header */
  static new(options: CorsOptions): Cors {
    return new Cors(options)
  }

  /** Every origin, without credentials: for development, and for data that is public anyway. */
  static permissive(): Cors {
    return new Cors({ origins: '*', methods: ['*'], exposeHeaders: ['*'] })
  }
}
