import type { ETagOptions } from '../generated/layers.js'
import { NativeLayer } from './layer.js'

/**
 * Gives answers of GET and HEAD an `ETag`, and answers conditional requests with 304 and 412 (RFC 9110 section 13).
 *
 * @example
 * app.wrap(ETag.default())
 */
export class ETag extends NativeLayer<ETagOptions> {
  private constructor(options: ETagOptions) {
    super('etag', options)
  }

  /** Strong tags for bodies of up to 1 MB. */
  static default(): ETag {
    return new ETag({})
  }

  /** @throws TypeError `ARMATURE_OPTION_INVALID` */
  static new(options: ETagOptions): ETag {
    return new ETag(options)
  }

  /** Weak tags, for answers whose bytes may differ where their meaning does not. */
  static weak(): ETag {
    return new ETag({ weak: true })
  }
}
