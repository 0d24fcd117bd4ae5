// biome-ignore-all lint/complexity/noBannedTypes: {} is the identity of intersections, which object is not
import { ArmatureError, isError, nameOf, typeError } from './errors.js'
import type { NativeLayer } from './layers/layer.js'
import { isThenable } from './payload.js'
import type { HttpRequest } from './request.js'
import { type Responder, toResponse } from './responder.js'
import { abandon, type HttpResponse } from './response.js'

/**
 * Runs what is inside the middleware: further middleware and the handler. Resolves to an `HttpResponse` whatever the
 * handler returned, rejects with what it threw. Takes no arguments, and can be called once per request: a second call
 * throws `ARMATURE_NEXT_TWICE`.
 */
export type Next = () => Promise<HttpResponse>

/** Only for the type checker: what a middleware adds to `req.locals`. */
declare const ADDS: unique symbol

/**
 * JavaScript around handlers. Returning a value answers with it; returning nothing after `next()` keeps the response of
 * `next()`, or its error; returning nothing without it is a 500 (`ARMATURE_MIDDLEWARE_NO_RESPONSE`).
 *
 * `Adds` is what it provides in `req.locals` to everything declared after it, `P` and `L` are the path parameters and
 * the locals that it needs itself.
 */
export interface Middleware<
  out Adds extends object = {},
  in P extends object = Record<string, string>,
  in L extends object = {},
> {
  (req: HttpRequest<P, L>, next: Next): Responder | Promise<Responder>
  readonly [ADDS]?: Adds
}

/** Anything that `.wrap()` and `use` take: a native layer such as `Logger`, or {@link Middleware}. */
export type Layer<
  Adds extends object = object,
  P extends object = Record<string, string>,
  L extends object = {},
> = NativeLayer | Middleware<Adds, P, L>

/** What the layers of a `use` list add to `req.locals`, together. */
export type Added<Layers extends readonly unknown[]> = Layers extends readonly [infer First, ...infer Others]
  ? (First extends Middleware<infer Adds, never, never> ? Adds : {}) & Added<Others>
  : {}

/**
 * Declares the type of what a middleware leaves in `req.locals`: everything declared after it along the chain sees it.
 *
 * @throws TypeError `ARMATURE_OPTION_INVALID` when `fn` is not a function
 * @example
 * const auth = middleware<{ user: User }>(async (req, next) => {
 *   req.locals.user = await verify(req.header('authorization'))
 *   return next()
 * })
 * app.wrap(auth).get('/me', (req) => req.locals.user)
 */
export function middleware<Adds extends object = {}>(
  fn: Middleware<{}, Record<string, string>, Adds>,
): Middleware<Adds> {
  if (typeof fn === 'function') return fn as Middleware<object> as Middleware<Adds>
  throw typeError('ARMATURE_OPTION_INVALID', {
    option: 'middleware()',
    value: nameOf(fn),
    allowed: 'a function',
  })
}

/** @internal A handler, possibly with middleware around it. */
export type Run = (req: HttpRequest) => unknown

/** @internal Middleware as it is stored: what it needs was checked where it was declared. */
export type AnyMiddleware = Middleware<object, never, never>

type Answer = HttpResponse | Promise<HttpResponse>

/**
 * Composes middleware, outermost first, and a handler into one function, once. Without middleware that is the handler
 * itself.
 *
 * @internal
 */
export function compose(layers: readonly AnyMiddleware[], handler: Run): Run {
  if (layers.length === 0) return handler
  const innermost = (req: HttpRequest): Answer => toResponse(handler(req), req)
  return (layers as readonly Middleware[]).reduceRight(surround, innermost)
}

function surround(inner: (req: HttpRequest) => Answer, layer: Middleware): (req: HttpRequest) => Answer {
  return (req) => {
    const call = new Call(req)
    let result: unknown
    try {
      result = layer(req, (unexpected?: unknown) => call.next(inner, unexpected))
    } catch (error) {
      return call.fail(error)
    }
    if (call.answer !== undefined && result === call.answer) return call.answer
    if (typeof result !== 'object' || result === null || !isThenable(result)) return call.finish(result)
    return Promise.resolve(result).then(
      (value) => call.finish(value),
      (error) => call.fail(error),
    )
  }
}

/** One run of a middleware, and what its `next()` led to: a stream that is not sent in the end must be given up. */
class Call {
  readonly #req: HttpRequest
  #called = false
  #replaced = false
  #inside: HttpResponse | undefined
  /** What `next()` returned. */
  answer: Promise<HttpResponse> | undefined

  constructor(req: HttpRequest) {
    this.#req = req
  }

  next(inner: (req: HttpRequest) => Answer, unexpected: unknown): Promise<HttpResponse> {
    if (this.#called) throw new ArmatureError('ARMATURE_NEXT_TWICE')
    if (unexpected !== undefined) throw misused(unexpected)
    this.#called = true
    this.answer = this.#settle(inner)
    return this.answer
  }

  /** The middleware has answered; `undefined` keeps what `next()` led to. */
  finish(value: unknown): Answer {
    if (value === undefined) return kept(this.answer)
    if (value !== this.#inside) this.#replace()
    return toResponse(value, this.#req)
  }

  /** The middleware has thrown. */
  fail(error: unknown): never {
    this.#replace()
    throw error
  }

  #settle(inner: (req: HttpRequest) => Answer): Promise<HttpResponse> {
    let answer: Answer
    try {
      answer = inner(this.#req)
    } catch (error) {
      answer = Promise.reject(error)
    }
    if (!(answer instanceof Promise)) {
      this.#arrive(answer)
      return Promise.resolve(answer)
    }
    // A middleware may do other things before it awaits this, or answer without it: neither may end the process.
    answer.then((response) => this.#arrive(response), ignore)
    return answer
  }

  #arrive(response: HttpResponse): void {
    if (this.#replaced) abandon(response)
    else this.#inside = response
  }

  #replace(): void {
    this.#replaced = true
    if (this.#inside !== undefined) abandon(this.#inside)
  }
}

/** The middleware returned nothing. */
function kept(answer: Promise<HttpResponse> | undefined): Promise<HttpResponse> {
  if (answer === undefined) throw new ArmatureError('ARMATURE_MIDDLEWARE_NO_RESPONSE')
  return answer
}

// In Express next(error) skips the handler. Running it all the same could undo a refusal.
function misused(argument: unknown): unknown {
  if (isError(argument)) return argument
  const details = 'next() takes no arguments: throw an error, put values into req.locals'
  return typeError('ARMATURE_OPTION_INVALID', details)
}

function ignore(): void {}
