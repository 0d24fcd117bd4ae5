/** Writes a line of one level: a message, or an object whose members the line has, and a message. */
export interface LogMethod {
  /**
   * @param message with `%s %d %i %f %j %o %O %%`, which `args` fill in
   */
  (message: string, ...args: unknown[]): void
  /**
   * @param object its members become those of the line; an Error becomes `err`, and its message that of the line
   * @param message with `%s %d %i %f %j %o %O %%`, which `args` fill in
   */
  (object: unknown, message?: string, ...args: unknown[]): void
}

/**
 * A log: `app.log`, and `req.log`, whose lines have the id of the request and its route. With the arguments of pino.
 *
 * @example
 * app.log.info({ port: 3000 }, 'ready')
 * req.log.error(error, 'payment %s failed', id)
 */
export interface Log {
  /** Every step. */
  readonly trace: LogMethod
  /** What helps to find a mistake. */
  readonly debug: LogMethod
  /** What happens. */
  readonly info: LogMethod
  /** What should not happen, and did no harm. */
  readonly warn: LogMethod
  /** What failed. */
  readonly error: LogMethod
  /** What ends the process: the line is out when the call returns, if that takes no longer than 100 ms. */
  readonly fatal: LogMethod
  /** A log to the same place whose lines have `bindings`, too. */
  child(bindings: Readonly<Record<string, unknown>>): Log
}

/** A logger that may take the place of ours: pino's, or one with the same methods. */
export interface LogLike {
  /** Every step; `debug` where it is missing. */
  trace?(...args: never[]): unknown
  /** What helps to find a mistake. */
  debug(...args: never[]): unknown
  /** What happens. */
  info(...args: never[]): unknown
  /** What should not happen, and did no harm. */
  warn(...args: never[]): unknown
  /** What failed. */
  error(...args: never[]): unknown
  /** What ends the process; `error` where it is missing. */
  fatal?(...args: never[]): unknown
  /** A logger whose lines have `bindings`, too. `req.log` is one, with `reqId` and `route`. */
  child(bindings: Record<string, unknown>): unknown
}
