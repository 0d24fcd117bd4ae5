import type { CompressOptions } from '../generated/layers.js'
import { NativeLayer } from './layer.js'

/**
 * Compresses answers with zstd, brotli or gzip, whichever the client likes best (RFC 9110 section 12.5.3).
 *
 * @example
 * app.wrap(Compress.default())
 */
export class Compress extends NativeLayer<CompressOptions> {
  private constructor(options: CompressOptions) {
    super('compress', options)
  }

  /** Text from 1 KB on, at levels that are quick. */
  static default(): Compress {
    return new Compress({})
  }

  /** @throws TypeError `ARMATURE_OPTION_INVALID` */
  static new(options: CompressOptions): Compress {
    return new Compress(options)
  }
}
