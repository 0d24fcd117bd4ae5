import { errorBoundary, isBoundary } from './error-boundary.js'
import { typeError } from './errors.js'
import { depthOf, type Files, isFiles } from './files.js'
import { isNativeLayer, type NativeLayer } from './layers/layer.js'
import type { AppLog } from './log/app-log.js'
import { type AnyMiddleware, compose, type Run } from './middleware.js'
import { portable } from './options.js'
import { joinPath, parsePath } from './paths.js'
import type { Compiled, CompiledHandler, HandlerSpec, RouteSpec, ScopeRuntime, ScopeSpec } from './plan.js'
import { nativeResponse } from './response.js'
import { type AnyHandler, type AnyLayer, isFixed } from './routes.js'
import { type AnyScope, nodeOf } from './scope.js'
import type { RouteNode, ScopeNode } from './scope-node.js'
import { isSocketRoute } from './websocket/route.js'

/** @internal */
export interface CompiledApp extends Compiled {
  readonly handlers: readonly NamedHandler[]
  readonly natives: readonly NativeLayer[]
}

/** @internal */
export interface NamedHandler extends CompiledHandler {
  /** Of the middleware, outermost first, and of the handler: for `explain()`. */
  readonly names: readonly string[]
}

/**
 * Turns what was declared into the plan for Rust and the functions that it calls. What is declared later has no effect,
 * so a server freezes the application; asynchronous `configure()` functions must be settled before.
 *
 * @internal
 * @throws TypeError `ARMATURE_LAYER_ORDER`, `ARMATURE_ROUTE_CONFLICT` for two defaults of one prefix
 */
export function compile(app: AnyScope): CompiledApp {
  const root = nodeOf(app) as ScopeNode
  const compiler = new Compiler()
  compiler.addScope(root, null)
  return compiler.result(portable(root.options ?? {}), root.log)
}

/** @internal Layers by where they run, outermost first. */
export interface Rings {
  readonly native: readonly NativeLayer[]
  readonly js: readonly AnyMiddleware[]
}

/**
 * Sorts the layers of a scope or route into native ones and, inside those of the scopes `around`, JavaScript.
 *
 * @internal
 * @throws TypeError `ARMATURE_LAYER_ORDER` when JavaScript would be skipped by a layer that is declared inside it
 */
export function sortLayers(layers: readonly AnyLayer[], around: readonly AnyMiddleware[]): Rings {
  const native: NativeLayer[] = []
  const js = [...around]
  for (const layer of layers) {
    if (!isNativeLayer(layer)) js.push(layer)
    else if (js.every(isBoundary) || !layer.answers || isBeforeJs(layer)) native.push(layer)
    else throw typeError('ARMATURE_LAYER_ORDER', { layer: layer.type })
  }
  return { native, js }
}

/** A scope whose own layers are in the plan. */
interface Place {
  readonly index: number
  readonly prefix: string
  readonly js: readonly AnyMiddleware[]
  readonly runtime: ScopeRuntime
}

/** What the handlers of one route or fallback have in common. */
type Context = Pick<CompiledHandler, 'pattern' | 'paramNames' | 'scope'>

class Compiler {
  readonly #layers = new Map<NativeLayer, number>()
  readonly #buffers = new Map<Uint8Array, number>()
  readonly #files = new Map<Files, number>()
  readonly #handlers: NamedHandler[] = []
  readonly #scopes: ScopeSpec[] = []
  readonly #routes: RouteSpec[] = []
  /** The first scope of each prefix: Rust asks it about misses. */
  readonly #owners = new Map<string, ScopeSpec>()

  addScope(node: ScopeNode, parent: Place | null): void {
    const prefix = (parent?.prefix ?? '') + node.prefix
    const around = parent?.js ?? []
    const onError = node.onError as unknown as ScopeRuntime['onError']
    // Where no middleware surrounds the scope, the dispatcher asks its handlers, at no cost for those who do not fail.
    const hasEdge = onError.length > 0 && around.length > 0
    const { native, js } = sortLayers(node.layers, hasEdge ? [...around, errorBoundary(onError)] : around)
    const runtime: ScopeRuntime = {
      parent: parent?.runtime ?? null,
      ...(parent === null && { log: node.log }),
      data: node.data,
      onError: hasEdge ? [] : onError,
      ...(hasEdge && { insideOnError: onError }),
    }
    const place: Place = { index: this.#scopes.length, prefix, js, runtime }
    const layers = this.#layersOf(native)
    const spec: ScopeSpec = { prefix, parent: parent?.index ?? null, layers, fallback: null }
    const key = prefix === '' ? '' : parsePath(prefix).key
    if (!this.#owners.has(key)) this.#owners.set(key, spec)
    this.#scopes.push(spec)
    if (node.fallback !== null) this.#addFallback(node.fallback, place, this.#owners.get(key) as ScopeSpec)
    for (const route of node.routes) this.#addRoute(route, place)
    // Of several scopes with one prefix the first owns its misses: it should be the one that answers them.
    const withDefault = node.children.filter((child) => child.fallback !== null)
    for (const child of new Set([...withDefault, ...node.children])) this.addScope(child, place)
  }

  result(config: Record<string, unknown>, log: AppLog): CompiledApp {
    const natives = [...this.#layers.keys()]
    // Layers of another copy of the package may know nothing of checks.
    const layers = natives.map(({ type, options, _checks: checks = [] }) => ({
      type,
      options: { ...options },
      ...(checks.length > 0 && {
        checks: checks.map(({ name, options }) => ({ name, options: { ...options } })),
      }),
    }))
    const checks = natives.flatMap((layer, number) =>
      (layer._checks ?? []).map((check, index) => ({ ...check, layer: number, index })),
    )
    const files = [...this.#files.keys()].map(({ dir, options }) => ({ dir, options }))
    const plan = { config, layers, scopes: this.#scopes, routes: this.#routes, files }
    return { plan, buffers: [...this.#buffers.keys()], handlers: this.#handlers, checks, log, natives }
  }

  #addRoute(route: RouteNode, place: Place): void {
    const path = joinPath(place.prefix, route.path)
    this.#addRouteAt(path, route, place)
    // A folder without its slash: sent on to it, unless somebody else has that path.
    const bare = path.slice(0, -1)
    if (isFiles(route.handler) && route.isFolder && bare !== '' && !route.scope.root.hasRoute('GET', bare))
      this.#addRouteAt(bare, route, place, true)
  }

  #addRouteAt(path: string, route: RouteNode, place: Place, isBareFolder = false): void {
    const { native, js } = sortLayers(route.layers, place.js)
    this.#routes.push({
      scope: place.index,
      method: route.method,
      path,
      layers: this.#layersOf(native),
      handler: this.#handler(
        route.handler,
        js,
        { pattern: path, paramNames: parsePath(path).params, scope: place.runtime },
        isBareFolder,
      ),
      ...(route.bodyLimit !== undefined && { bodyLimit: route.bodyLimit }),
      ...(route.timeout !== undefined && { timeout: route.timeout }),
    })
  }

  #addFallback(handler: AnyHandler, { prefix, js, runtime }: Place, owner: ScopeSpec): void {
    if (owner.fallback !== null) {
      const route = `default of '${joinPath(prefix, '')}'`
      throw typeError('ARMATURE_ROUTE_CONFLICT', {
        route,
        existing: 'the one of another scope with this prefix',
      })
    }
    const paramNames = prefix === '' ? [] : parsePath(prefix).params
    owner.fallback = this.#handler(handler, js, { pattern: '', paramNames, scope: runtime })
  }

  #handler(
    handler: AnyHandler,
    js: readonly AnyMiddleware[],
    context: Context,
    isBareFolder = false,
  ): HandlerSpec {
    const declared = js.filter((each) => !isBoundary(each))
    const names = [...declared, handler].map((each) => (isFixed(each) ? 'fixed' : each.name || '(anonymous)'))
    const add = (run: Run, more: Pick<CompiledHandler, 'status' | 'socket'> = {}) =>
      this.#handlers.push({ ...context, names, run: compose(js, run), jsonLength: 0, ...more }) - 1
    if (isSocketRoute(handler)) {
      const { options, reopens } = handler
      return { type: 'ws', id: add(handler.run, { socket: handler }), options: portable(options), reopens }
    }
    if (isFiles(handler)) {
      const depth = isBareFolder ? parsePath(context.pattern).segments.length : depthOf(context.pattern)
      const id = declared.length === 0 ? null : add(nativeResponse)
      return { type: 'files', id, files: indexIn(this.#files, handler), depth }
    }
    if (!isFixed(handler)) return { type: 'js', id: add(handler as Run) }
    const { status, headers, body } = handler.response
    const id = declared.length === 0 ? null : add(nativeResponse, { status })
    return { type: 'fixed', id, status, headers, body: body === null ? null : indexIn(this.#buffers, body) }
  }

  #layersOf(layers: readonly NativeLayer[]): number[] {
    return layers.map((layer) => indexIn(this.#layers, layer))
  }
}

function indexIn<T>(indices: Map<T, number>, value: T): number {
  const index = indices.get(value) ?? indices.size
  indices.set(value, index)
  return index
}

function isBeforeJs({ options }: NativeLayer): boolean {
  return (options as { beforeJs?: unknown }).beforeJs === true
}
