// biome-ignore-all lint/complexity/noBannedTypes: {} is the identity of intersections, which object is not
import { ArmatureError, nameOf, typeError } from './errors.js'
import { isToken } from './headers.js'
import type { Added, Layer } from './middleware.js'
import {
  type AnyLayer,
  checkLayer,
  type RouteDeclaration,
  type RouteHandler,
  type RouteOptions,
  readRoute,
} from './routes.js'

const METHODS: unique symbol = Symbol.for('armature.methods')

type Strings = Record<string, string>

interface Branded {
  readonly [METHODS]: MethodRoutes
}

/** Starts a {@link MethodRouter} with a handler for `M`. */
export interface MethodHelper<out M extends string> {
  <P extends object = Strings, L extends object = {}>(handler: RouteHandler<P, L>): MethodRouter<P, L, M>
  <const Layers extends readonly Layer<object, P, L>[], P extends object = Strings, L extends object = {}>(
    options: RouteOptions<Layers>,
    handler: RouteHandler<P, NoInfer<L> & Added<NoInfer<Layers>>>,
  ): MethodRouter<P, L, M>
}

/** Adds a handler for the method `Also` to a {@link MethodRouter}. */
export interface AddMethod<
  in P extends object,
  in L extends object,
  out M extends string,
  out Also extends string,
> {
  <Q extends object = Strings, K extends object = {}>(
    handler: RouteHandler<Q, K>,
  ): MethodRouter<P & NoInfer<Q>, L & K, M | Also>
  <const Layers extends readonly Layer<object, Q, K>[], Q extends object = Strings, K extends object = {}>(
    options: RouteOptions<Layers>,
    handler: RouteHandler<Q, NoInfer<K> & Added<NoInfer<Layers>>>,
  ): MethodRouter<P & NoInfer<Q>, L & K, M | Also>
}

/** @internal What a {@link MethodRouter} collects until `.route()` takes it. */
export interface MethodRoutes {
  readonly routes: { readonly method: string; readonly route: RouteDeclaration }[]
  readonly layers: AnyLayer[]
  taken: boolean
}

/**
 * Handlers of one path, by method; made by the helpers {@link get}, {@link post}, … and given to `.route()`. `P` and `L`
 * are the path parameters and locals that its handlers need, `M` the methods that they answer.
 *
 * @example
 * app.route('/users', get(listUsers).post(createUser).wrap(auth))
 */
export class MethodRouter<
  in P extends object = Strings,
  in L extends object = {},
  out M extends string = string,
> {
  /** @internal */
  readonly [METHODS]: MethodRoutes = { routes: [], layers: [], taken: false }

  /** Answers GET, and HEAD unless there is a handler for it. */
  declare readonly get: AddMethod<P, L, M, 'GET'>
  /** Answers POST. */
  declare readonly post: AddMethod<P, L, M, 'POST'>
  /** Answers PUT. */
  declare readonly put: AddMethod<P, L, M, 'PUT'>
  /** Answers PATCH. */
  declare readonly patch: AddMethod<P, L, M, 'PATCH'>
  /** Answers DELETE. */
  declare readonly delete: AddMethod<P, L, M, 'DELETE'>
  /** The same as {@link MethodRouter.delete}. */
  declare readonly del: AddMethod<P, L, M, 'DELETE'>
  /** Answers HEAD instead of the handler for GET. */
  declare readonly head: AddMethod<P, L, M, 'HEAD'>
  /** Answers OPTIONS instead of the automatic 204. */
  declare readonly options: AddMethod<P, L, M, 'OPTIONS'>
  /** Answers every method that has no handler of its own. */
  declare readonly any: AddMethod<P, L, M, '*'>

  /**
   * Adds a handler for any other method.
   *
   * @param method a method token (RFC 9110 section 9.1), in its exact case: `'LINK'`
   * @throws TypeError `ARMATURE_OPTION_INVALID` when it is none
   */
  on<Also extends string, Q extends object = Strings, K extends object = {}>(
    method: Also,
    handler: RouteHandler<Q, K>,
  ): MethodRouter<P & NoInfer<Q>, L & K, M | Also>
  on<
    Also extends string,
    const Layers extends readonly Layer<object, Q, K>[],
    Q extends object = Strings,
    K extends object = {},
  >(
    method: Also,
    options: RouteOptions<Layers>,
    handler: RouteHandler<Q, NoInfer<K> & Added<NoInfer<Layers>>>,
  ): MethodRouter<P & NoInfer<Q>, L & K, M | Also>
  on(method: string, ...args: unknown[]): unknown {
    return add(this, checkMethod(method), args)
  }

  /**
   * Puts a layer around every handler of this path, also those added later; the first wrapped is outermost.
   *
   * @throws TypeError `ARMATURE_OPTION_INVALID` when it is no layer
   */
  wrap<Adds extends object = {}>(layer: Layer<Adds, P, L>): MethodRouter<P, Omit<L, keyof Adds>, M> {
    open(this).layers.push(checkLayer('wrap()', layer))
    return this as unknown as MethodRouter<P, Omit<L, keyof Adds>, M>
  }
}

/** @internal A router with one route. */
export function routerOf(method: string, route: RouteDeclaration): MethodRouter {
  const router = new MethodRouter()
  open(router).routes.push({ method, route })
  return router
}

/** @internal The names of the calls that declare a route, with the method each stands for; `*` is every method. */
export const VERBS = {
  get: 'GET',
  post: 'POST',
  put: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  del: 'DELETE',
  head: 'HEAD',
  options: 'OPTIONS',
  any: '*',
} as const

for (const [name, method] of Object.entries(VERBS)) {
  Object.defineProperty(MethodRouter.prototype, name, {
    value(this: MethodRouter, ...args: unknown[]) {
      return add(this, method, args)
    },
    writable: true,
    configurable: true,
  })
}

/** Answers GET, and HEAD unless there is a handler for it. Options stand before the handler. */
export const get: MethodHelper<'GET'> = helper('GET')
/** Answers POST. */
export const post: MethodHelper<'POST'> = helper('POST')
/** Answers PUT. */
export const put: MethodHelper<'PUT'> = helper('PUT')
/** Answers PATCH. */
export const patch: MethodHelper<'PATCH'> = helper('PATCH')
/** Answers DELETE; `delete` itself is a reserved word. */
export const del: MethodHelper<'DELETE'> = helper('DELETE')
/** Answers HEAD instead of the handler for GET. */
export const head: MethodHelper<'HEAD'> = helper('HEAD')
/** Answers OPTIONS instead of the automatic 204. */
export const options: MethodHelper<'OPTIONS'> = helper('OPTIONS')
/** Answers every method that has no handler of its own. */
export const any: MethodHelper<'*'> = helper('*')

/**
 * Answers any other method.
 *
 * @param method a method token (RFC 9110 section 9.1), in its exact case
 * @throws TypeError `ARMATURE_OPTION_INVALID` when it is none
 * @example
 * app.route('/notes/:id', on('LINK', linkNote))
 */
export function on<M extends string, P extends object = Strings, L extends object = {}>(
  method: M,
  handler: RouteHandler<P, L>,
): MethodRouter<P, L, M>
export function on<
  M extends string,
  const Layers extends readonly Layer<object, P, L>[],
  P extends object = Strings,
  L extends object = {},
>(
  method: M,
  options: RouteOptions<Layers>,
  handler: RouteHandler<P, NoInfer<L> & Added<NoInfer<Layers>>>,
): MethodRouter<P, L, M>
export function on(method: string, ...args: unknown[]): unknown {
  return add(new MethodRouter(), checkMethod(method), args)
}

/**
 * The routes of a {@link MethodRouter}. From now on it cannot change: what came later would be lost.
 *
 * @internal
 * @throws TypeError `ARMATURE_OPTION_INVALID` when `value` is none
 */
export function takeRoutes(path: unknown, value: unknown): MethodRoutes {
  const methods = typeof value === 'object' && value !== null && METHODS in value ? value[METHODS] : undefined
  if (methods === undefined) {
    const allowed = 'get(handler), post(handler), …'
    throw typeError('ARMATURE_OPTION_INVALID', { option: `route '${path}'`, value: nameOf(value), allowed })
  }
  const taken = methods as MethodRoutes
  taken.taken = true
  return taken
}

function helper<M extends string>(method: M): MethodHelper<M> {
  return ((...args: unknown[]) => add(new MethodRouter(), method, args)) as unknown as MethodHelper<M>
}

function add<R extends Branded>(router: R, method: string, args: readonly unknown[]): R {
  open(router).routes.push({ method, route: readRoute(method === '*' ? 'any()' : method, args) })
  return router
}

function open(router: Branded): MethodRoutes {
  const methods = router[METHODS]
  if (!methods.taken) return methods
  const why = 'this MethodRouter belongs to a route already: complete it before it is given to route()'
  throw new ArmatureError('ARMATURE_APP_FROZEN', why)
}

function checkMethod(method: unknown): string {
  const details = { option: 'method', value: typeof method === 'string' ? `'${method}'` : nameOf(method) }
  if (typeof method !== 'string' || !isToken(method)) {
    throw typeError('ARMATURE_OPTION_INVALID', { ...details, allowed: "a method token such as 'LINK'" })
  }
  if (method === '*')
    throw typeError('ARMATURE_OPTION_INVALID', { ...details, allowed: 'a method; write any()' })
  if (method !== method.toUpperCase()) {
    const allowed = `one that clients send; methods are case-sensitive: write '${method.toUpperCase()}'`
    throw typeError('ARMATURE_OPTION_INVALID', { ...details, allowed })
  }
  return method
}
