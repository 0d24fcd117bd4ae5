import type { LoggerOptions } from '../generated/layers.js'
import { NativeLayer } from './layer.js'

/**
 * Writes one line for every answer, also for those that never reach JavaScript.
 *
 * @example
 * app.wrap(Logger.default())
 * app.wrap(Logger.new({ format: 'combined', skip: ['/healthz'] }))
 */
export class Logger extends NativeLayer<LoggerOptions> {
  private constructor(options: LoggerOptions) {
    super('logger', options)
  }

  /** JSON lines in production, readable ones otherwise. */
  static default(): Logger {
    return new Logger({})
  }

  /** @throws TypeError `ARMATURE_OPTION_INVALID` */
  static new(options: LoggerOptions): Logger {
    return new Logger(options)
  }

  /** JSON lines, in production or not. */
  static json(): Logger {
    return new Logger({ format: 'json' })
  }
}
