import type { DecompressOptions } from '../generated/layers.js'
import { NativeLayer } from './layer.js'

/**
 * Undoes the content coding of requests, so that handlers read what was meant; within bounds, so that a small request
 * cannot become a large one.
 *
 * @example
 * app.wrap(Decompress.default())
 */
export class Decompress extends NativeLayer<DecompressOptions> {
  private constructor(options: DecompressOptions) {
    super('decompress', options)
  }

  /** gzip, deflate, br and zstd, to at most the size that the route accepts and a hundred times what was sent. */
  static default(): Decompress {
    return new Decompress({})
  }

  /** @throws TypeError `ARMATURE_OPTION_INVALID` */
  static new(options: DecompressOptions): Decompress {
    return new Decompress(options)
  }
}
