// biome-ignore-all lint/complexity/noBannedTypes: {} is the identity of intersections, which object is not
import { type MethodRouter, routerOf } from '../method-router.js'
import type { Added, Layer } from '../middleware.js'
import type { Params } from '../paths.js'
import { type RouteDeclaration, type RouteOptions, readRoute } from '../routes.js'
import { socketRoute, type WebSocketHandlers } from './route.js'

/** Declares a WebSocket route; `Self` is what it returns, for chaining. */
export interface DeclareSocket<out P extends object, out L extends object, out Self> {
  <Path extends string, U = undefined, M = string | Buffer>(
    path: Path,
    handlers: WebSocketHandlers<P & Params<NoInfer<Path>>, L, U, M>,
  ): Self
  <
    Path extends string,
    const Layers extends readonly Layer<object, P & Params<Path>, L>[],
    U = undefined,
    M = string | Buffer,
  >(
    path: Path,
    options: RouteOptions<Layers>,
    handlers: WebSocketHandlers<P & Params<NoInfer<Path>>, L & Added<NoInfer<Layers>>, U, M>,
  ): Self
}

/**
 * Answers GET requests that ask for a WebSocket, for `.route()`; others get 426. Options of the route stand before the handlers.
 *
 * @throws TypeError `ARMATURE_OPTION_INVALID` for a handler that is no function; options are checked when the application starts
 * @example
 * app.route('/chat/:room', ws({
 *   upgrade: async (req) => ({ user: await login(req) }),
 *   message(socket, data) {
 *     socket.send(`${socket.data.user}: ${data}`)
 *   },
 * }))
 */
export function ws<
  U = undefined,
  M = string | Buffer,
  P extends object = Record<string, string>,
  L extends object = {},
>(handlers: WebSocketHandlers<P, L, U, M>): MethodRouter<P, L, 'GET'>
export function ws<
  const Layers extends readonly Layer<object, P, L>[],
  U = undefined,
  M = string | Buffer,
  P extends object = Record<string, string>,
  L extends object = {},
>(
  options: RouteOptions<Layers>,
  handlers: WebSocketHandlers<P, NoInfer<L> & Added<NoInfer<Layers>>, U, M>,
): MethodRouter<P, L, 'GET'>
export function ws(...args: unknown[]): unknown {
  return routerOf('GET', readSocketRoute('ws()', args))
}

/**
 * Reads the arguments `handlers` or `options, handlers`.
 *
 * @internal
 * @throws TypeError `ARMATURE_OPTION_INVALID`
 */
export function readSocketRoute(where: string, args: readonly unknown[]): RouteDeclaration {
  return readRoute(where, [...args.slice(0, -1), socketRoute(where, args.at(-1))])
}
