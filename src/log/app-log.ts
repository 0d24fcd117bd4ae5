import type { LogSettings } from '../native.js'
import { resolveOptions } from '../native.js'
import { NativeLog } from './log.js'
import type { Log, LogLike } from './types.js'
import { LogWriter } from './writer.js'

const METHODS = ['debug', 'info', 'warn', 'error', 'child'] as const

/** @internal Whether somebody else's logger was given. */
export function isLogLike(value: unknown): value is LogLike {
  const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function'
  return isObject && METHODS.every((name) => typeof (value as Record<string, unknown>)[name] === 'function')
}

/** @internal The log of an application, which its requests share: ours, or one that was given. */
export class AppLog {
  readonly #options: Readonly<Record<string, unknown>>
  #given: Log | null = null
  #writer: LogWriter | null = null
  #own: NativeLog | null = null

  /** `options`: those of the application, of which `log` counts until it runs. */
  constructor(options: Readonly<Record<string, unknown>>) {
    this.#options = options
  }

  /** What `app.log` is. */
  get log(): Log {
    return this.#given ?? this.#native
  }

  /** What `req.log` is. */
  ofRequest(id: string, route: string): Log {
    return this.#given?.child({ reqId: id, route }) ?? this.#native.ofRequest(id, route)
  }

  /** Takes somebody else's logger. */
  use(logger: LogLike): void {
    this.#given = complete(logger)
  }

  /** The application runs with these options, as JSON. */
  configure(config: string, settings: LogSettings): void {
    if (this.#writer === null) this.#writer = new LogWriter(config, settings)
    else this.#writer.adopt(config, settings)
  }

  get #native(): NativeLog {
    this.#own ??= new NativeLog(this.#ready())
    return this.#own
  }

  #ready(): LogWriter {
    if (this.#writer === null) {
      const { log } = this.#options
      const config = JSON.stringify(log === undefined ? {} : { log })
      this.#writer = new LogWriter(config, resolveOptions(config).log)
    }
    return this.#writer
  }
}

/** With each of our methods. */
function complete(logger: LogLike): Log {
  const { trace, fatal } = logger
  if (typeof trace === 'function' && typeof fatal === 'function') return logger as unknown as Log
  const to = (name: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal', instead = name) => {
    const target = logger as unknown as Record<string, (...args: unknown[]) => unknown>
    return (...args: unknown[]) => void (target[name] ?? target[instead])?.apply(logger, args)
  }
  return {
    trace: to('trace', 'debug'),
    debug: to('debug'),
    info: to('info'),
    warn: to('warn'),
    error: to('error'),
    fatal: to('fatal', 'error'),
    child: (bindings) => complete(logger.child({ ...bindings }) as LogLike),
  }
}
