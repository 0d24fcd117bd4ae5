// biome-ignore-all lint/complexity/noBannedTypes: {} is the identity of intersections, which object is not
import { isBranded, nameOf, typeError } from './errors.js'
import { type Files, type FilesHandler, isFiles } from './files.js'
import type { Duration, Size } from './generated/config.js'
import { isNativeLayer } from './layers/layer.js'
import type { Added, AnyMiddleware, Layer } from './middleware.js'
import type { Params } from './paths.js'
import type { HttpRequest } from './request.js'
import type { Responder } from './responder.js'
import { type FrozenResponse, freezeForNative, type HttpResponse, isHttpResponse } from './response.js'
import { isSocketRoute, type SocketRoute } from './websocket/route.js'

const FIXED: unique symbol = Symbol.for('armature.fixed')

/** Answers a request. `P` are the path parameters, `L` the locals that it needs. */
export type Handler<in P extends object = Record<string, string>, in L extends object = {}> = (
  req: HttpRequest<P, L>,
) => Responder | Promise<Responder>

/** A response that Rust sends by itself; made by {@link fixed}. */
export interface FixedHandler {
  readonly [FIXED]: true
}

/** What a route may be answered by: a function, {@link fixed}, or {@link files}. */
export type RouteHandler<P extends object = Record<string, string>, L extends object = {}> =
  | Handler<P, L>
  | FixedHandler
  | FilesHandler

/** Options of one route; they stand before its handler. */
export interface RouteOptions<Layers extends readonly unknown[] = readonly Layer[]> {
  /** Layers of this route only, inside those of its scopes; the first is outermost. */
  use?: Layers | undefined
  /** Limits that replace those of the application. */
  limits?: RouteLimits | undefined
  /** Replaces `timeouts.handler`: milliseconds, or a text such as `'2s'`; from 1ms to 24h, it cannot be turned off. */
  timeout?: Duration | undefined
}

/** Limits of one route. */
export interface RouteLimits {
  /** Replaces `limits.body`, also by more: bytes, or a text such as `'200mb'`; from 1b to 1tb. */
  body?: Size | undefined
}

/** Declares a route; `Self` is what it returns, for chaining. */
export interface DeclareRoute<out P extends object, out L extends object, out Self> {
  <Path extends string>(path: Path, handler: RouteHandler<P & Params<NoInfer<Path>>, L>): Self
  <Path extends string, const Layers extends readonly Layer<object, P & Params<Path>, L>[]>(
    path: Path,
    options: RouteOptions<Layers>,
    handler: RouteHandler<P & Params<NoInfer<Path>>, L & Added<NoInfer<Layers>>>,
  ): Self
}

/**
 * A handler that always gives the same answer. Rust sends it: JavaScript is not entered, unless middleware surrounds the
 * route. The response is copied.
 *
 * @throws TypeError `ARMATURE_RESPONSE_TYPE` for anything but a response with a body that is known now,
 * `ARMATURE_COOKIE_INVALID` for cookies, which belong to one client
 * @example
 * app.get('/healthz', fixed(HttpResponse.ok('up')))
 */
export function fixed(response: HttpResponse): FixedHandler {
  if (isHttpResponse(response)) return Object.freeze(new Fixed(freezeForNative(response)))
  throw typeError('ARMATURE_RESPONSE_TYPE', { what: nameOf(response), where: 'a fixed response' })
}

/** @internal */
export class Fixed implements FixedHandler {
  readonly [FIXED] = true
  readonly response: FrozenResponse

  constructor(response: FrozenResponse) {
    this.response = response
  }
}

/** @internal A handler as it is stored: what it needs was checked where it was declared. */
export type AnyHandler = Handler<never, never> | Fixed | Files | SocketRoute

/** @internal A layer as it is stored. */
export type AnyLayer = Exclude<Layer, (...args: never) => unknown> | AnyMiddleware

/** @internal What a route call says beside its path. */
export interface RouteDeclaration {
  readonly handler: AnyHandler
  /** Layers of the route itself, outermost first. */
  readonly layers: readonly AnyLayer[]
  readonly bodyLimit: Size | undefined
  readonly timeout: Duration | undefined
  /** Of `files()`: the folder itself. */
  readonly isFolder?: boolean
}

/**
 * Reads the arguments `handler` or `options, handler`; `route` names the route in messages.
 *
 * @internal
 * @throws TypeError `ARMATURE_OPTION_INVALID`
 */
export function readRoute(route: string, args: readonly unknown[]): RouteDeclaration {
  const options = args.length > 1 ? checkOptions(route, args[0]) : {}
  if (args.length > 2) {
    throw typeError('ARMATURE_OPTION_INVALID', `${route} has one handler; put layers into { use: [layer] }`)
  }
  const limits =
    options.limits === undefined ? {} : checkNames(`limits of ${route}`, options.limits, ['body'])
  const use = options.use === undefined ? [] : options.use
  if (!Array.isArray(use)) throw wrong(`use of ${route}`, use, 'a list of layers')
  return {
    handler: checkHandler(route, args.at(-1)),
    layers: use.map((layer) => checkLayer(`use of ${route}`, layer)),
    bodyLimit: checkAmount(
      `limits.body of ${route}`,
      limits.body,
      "a number of bytes or a text such as '1mb'",
    ),
    timeout: checkAmount(`timeout of ${route}`, options.timeout, "milliseconds or a text such as '2s'"),
  }
}

/** @internal */
export function checkHandler(route: string, value: unknown): AnyHandler {
  if (typeof value === 'function' || isFixed(value) || isFiles(value) || isSocketRoute(value))
    return value as AnyHandler
  throw wrong(`handler of ${route}`, value, 'a function, fixed() or files()')
}

/** @internal */
export function checkLayer(where: string, value: unknown): AnyLayer {
  if (typeof value === 'function' || isNativeLayer(value)) return value as AnyLayer
  throw wrong(where, value, "a native layer such as Logger.default() or a function '(req, next) => …'")
}

/** @internal Also true for what another copy of this package made. */
export function isFixed(value: unknown): value is Fixed {
  return isBranded(value, FIXED)
}

function checkOptions(route: string, value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || isNativeLayer(value)) {
    throw wrong(`options of ${route}`, value, 'an object such as { use: [layer] }')
  }
  return checkNames(`options of ${route}`, value, ['use', 'limits', 'timeout'])
}

/** A name that nobody reads is a mistake: `limit` for `limits`. */
function checkNames(what: string, value: unknown, allowed: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw wrong(what, value, 'an object')
  const unknown = Object.keys(value).find((name) => !allowed.includes(name))
  if (unknown === undefined) return value as Record<string, unknown>
  throw typeError('ARMATURE_OPTION_INVALID', `${what}: '${unknown}' is not one of ${allowed.join(', ')}`)
}

// The value itself is read when it starts, by the same code that reads the options of the application.
function checkAmount(what: string, value: unknown, allowed: string): number | string | undefined {
  if (value === undefined || typeof value === 'string') return value
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return value
    throw typeError('ARMATURE_OPTION_INVALID', { option: what, value: String(value), allowed })
  }
  throw wrong(what, value, allowed)
}

function wrong(option: string, value: unknown, allowed: string): TypeError {
  return typeError('ARMATURE_OPTION_INVALID', { option, value: nameOf(value), allowed })
}
