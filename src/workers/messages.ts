import type { MessagePort } from 'node:worker_threads'
import { ArmatureError, isErrorCode, typeError } from '../errors.js'

/** Where a worker finds its {@link Seat} in its `workerData`. */
export const SEAT = 'armature.worker'

/** What the primary thread gives a worker to start with. */
export interface Seat {
  readonly port: MessagePort
  /** Number of the worker, from 1; the primary thread is 0. */
  readonly index: number
  /** Generation of the code: one more with each reload. */
  readonly generation: number
  /** How many times another thread had to take this place. */
  readonly restarts: number
}

/** What a worker says. `run` is the number of its call of `run()`, from 1. */
export type FromWorker =
  /** Which server does this call belong to? */
  | { readonly type: 'run'; readonly run: number; readonly name: string | null }
  /** It serves. */
  | { readonly type: 'attached'; readonly server: number }
  /** The call has rejected. */
  | { readonly type: 'failed'; readonly run: number; readonly error: PortableError }
  /** It serves no longer, and has run its stop hooks. */
  | { readonly type: 'stopped'; readonly server: number; readonly error: PortableError | null }

/** What the primary thread says to a worker. */
export type ToWorker =
  /** The answer: number of the server, `null` when it has ended; whether the worker is to serve it. */
  | { readonly type: 'server'; readonly run: number; readonly server: number | null; readonly serve: boolean }
  /** Stop serving; requests in progress get so many milliseconds. */
  | { readonly type: 'stop'; readonly server: number; readonly timeout: number }
  /** Nothing is left to serve. */
  | { readonly type: 'end' }

/** An error on its way between threads: cloning loses `code`, and with it what the error is. */
export interface PortableError {
  readonly message: string
  readonly stack: string | undefined
  readonly code: string | undefined
  readonly isTypeError: boolean
}

export function portableError(error: unknown): PortableError {
  const { message, stack, code } = Object(error) as { message?: unknown; stack?: unknown; code?: unknown }
  return {
    message: typeof message === 'string' ? message : String(error),
    stack: typeof stack === 'string' ? stack : undefined,
    code: typeof code === 'string' ? code : undefined,
    isTypeError: error instanceof TypeError,
  }
}

/** The error again, of the class that it had if it is one of ours. */
export function errorOf({ message, stack, code, isTypeError }: PortableError): Error {
  const error = make(message, code, isTypeError)
  if (stack !== undefined) error.stack = stack
  return error
}

function make(message: string, code: string | undefined, isTypeError: boolean): Error {
  if (code !== undefined && isErrorCode(code)) {
    return isTypeError ? typeError(code, message) : new ArmatureError(code, message)
  }
  const error = isTypeError ? new TypeError(message) : new Error(message)
  return code === undefined ? error : Object.assign(error, { code })
}
