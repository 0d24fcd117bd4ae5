import type { TimeoutLayerOptions } from '../generated/layers.js'
import { NativeLayer } from './layer.js'

/**
 * Gives the handlers of a scope or a route more time than the server does, or less: it replaces `timeouts.handler`.
 *
 * @example
 * app.scope('/reports', (reports) => reports.wrap(Timeout.new({ handler: '2m' })).get('/:year', report))
 */
export class Timeout extends NativeLayer<TimeoutLayerOptions> {
  private constructor(options: TimeoutLayerOptions) {
    super('timeout', options)
  }

  /** 30 seconds, whatever the server or a scope around says. */
  static default(): Timeout {
    return new Timeout({})
  }

  /** @throws TypeError `ARMATURE_OPTION_INVALID` */
  static new(options: TimeoutLayerOptions): Timeout {
    return new Timeout(options)
  }
}
