import type { RequestIdOptions } from '../generated/layers.js'
import { NativeLayer } from './layer.js'

/**
 * Sends the id of the request with the answer, so that a report of a user leads to the lines of the log.
 *
 * @example
 * app.wrap(RequestId.new({ trust: true }))
 */
export class RequestId extends NativeLayer<RequestIdOptions> {
  private constructor(options: RequestIdOptions) {
    super('requestId', options)
  }

  /** Generated ids, sent as `x-request-id`. */
  static default(): RequestId {
    return new RequestId({})
  }

  /** @throws TypeError `ARMATURE_OPTION_INVALID` */
  static new(options: RequestIdOptions): RequestId {
    return new RequestId(options)
  }
}
