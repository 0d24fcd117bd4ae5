import type { BodyLimitOptions } from '../generated/layers.js'
import { NativeLayer } from './layer.js'

/**
 * Allows the request bodies of a scope or a route more bytes than the server does, or fewer: it replaces `limits.body`.
 *
 * @example
 * app.scope('/files', (files) => files.wrap(BodyLimit.new({ max: '200mb' })).put('/:name', store))
 */
export class BodyLimit extends NativeLayer<BodyLimitOptions> {
  private constructor(options: BodyLimitOptions) {
    super('bodyLimit', options)
  }

  /** 1 MB, whatever the server or a scope around says. */
  static default(): BodyLimit {
    return new BodyLimit({})
  }

  /** @throws TypeError `ARMATURE_OPTION_INVALID` */
  static new(options: BodyLimitOptions): BodyLimit {
    return new BodyLimit(options)
  }
}
