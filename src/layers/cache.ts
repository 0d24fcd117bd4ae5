import type { CacheOptions } from '../generated/layers.js'
import { NativeLayer } from './layer.js'

/**
 * Stores answers and gives them again without JavaScript, as their `Cache-Control` says (RFC 9111).
 *
 * @example
 * app.wrap(Cache.default())
 * app.get('/news', () => HttpResponse.json(news).header('cache-control', 's-maxage=60, stale-while-revalidate=600'))
 */
export class Cache extends NativeLayer<CacheOptions> {
  /** @internal */
  override readonly answers = true

  private constructor(options: CacheOptions) {
    super('cache', options)
  }

  /** 64 MB for answers that say that and for how long they may be stored. */
  static default(): Cache {
    return new Cache({})
  }

  /** @throws TypeError `ARMATURE_OPTION_INVALID` */
  static new(options: CacheOptions): Cache {
    return new Cache(options)
  }
}
