import type { RateLimitOptions } from '../generated/layers.js'
import { NativeLayer } from './layer.js'

/**
 * Bounds how much a client may ask for. Requests that are too many are answered 429 in Rust; what is counted is in memory of a
 * fixed size, or in Redis for all processes together.
 *
 * One object that is wrapped in several places counts for all of them together; each object counts for itself.
 *
 * @example
 * app.wrap(RateLimit.default())
 * app.post('/login', { use: [RateLimit.new({ limit: 5, window: '1m', name: 'login' })] }, login)
 */
export class RateLimit extends NativeLayer<RateLimitOptions> {
  private constructor(options: RateLimitOptions) {
    super('rateLimit', options)
  }

  /** 1000 requests a minute for each address, in memory. */
  static default(): RateLimit {
    return new RateLimit({})
  }

  /** @throws TypeError `ARMATURE_OPTION_INVALID` */
  static new(options: RateLimitOptions): RateLimit {
    return new RateLimit(options)
  }
}
