import { ArmatureError, typeError } from './errors.js'
import { AppLog } from './log/app-log.js'
import { joinPath, parsePath } from './paths.js'
import type { AnyHandler, AnyLayer, RouteDeclaration } from './routes.js'

/** @internal One route as it was declared. */
export interface RouteNode extends RouteDeclaration {
  readonly scope: ScopeNode
  /** A method token, or `*` for every method. */
  readonly method: string
  /** As it was written: without the prefix of its scope. */
  readonly path: string
}

/** @internal `once`: only in the primary JS thread. */
export interface StartHook {
  readonly run: (server: never) => unknown
  readonly once: boolean
}

/** @internal */
export type StopHook = () => unknown

/** @internal */
export type ErrorHook = (error: unknown, req: never) => unknown

/**
 * What was declared on one App, Router or scope. The public classes fill it, `compile` reads it; a copy of this package
 * recognises the scopes of another by the symbol that it hangs on.
 *
 * @internal
 */
export class ScopeNode {
  /** As it was written: `''` for App and Router. */
  readonly prefix: string
  parent: ScopeNode | null = null
  /** Options of an App; `null` for everything else. */
  options: Readonly<Record<string, unknown>> | null = null
  readonly children: ScopeNode[] = []
  readonly layers: AnyLayer[] = []
  readonly routes: RouteNode[] = []
  readonly data = new Map<unknown, unknown>()
  readonly onError: ErrorHook[] = []
  readonly onStart: StartHook[] = []
  readonly onStop: StopHook[] = []
  /** Asynchronous `configure()` functions. */
  readonly pending: Promise<unknown>[] = []
  fallback: AnyHandler | null = null
  #log: AppLog | null = null
  frozen = false
  /** Of the outermost scope: every route below it, by method and what it matches. */
  readonly table = new Map<string, RouteNode>()

  constructor(prefix: string) {
    this.prefix = prefix
  }

  get root(): ScopeNode {
    return this.parent === null ? this : this.parent.root
  }

  /** The log of the application. */
  get log(): AppLog {
    if (this.parent !== null) return this.root.log
    this.#log ??= new AppLog(this.options ?? {})
    return this.#log
  }

  /** From the outermost scope. */
  get fullPrefix(): string {
    return this.parent === null ? this.prefix : this.parent.fullPrefix + this.prefix
  }

  /** @throws ArmatureError `ARMATURE_APP_FROZEN` when the application listens already */
  assertOpen(what: string): void {
    if (this.frozen) throw new ArmatureError('ARMATURE_APP_FROZEN', { what })
  }

  /** This scope and all below it, parents before their children, in the order of declaration. */
  *walk(): Generator<ScopeNode> {
    yield this
    for (const child of this.children) yield* child.walk()
  }

  freeze(): void {
    for (const node of this.walk()) node.frozen = true
  }

  /** Waits for asynchronous `configure()` functions, also those that others add; rejects when one does. */
  async settle(): Promise<void> {
    const pending = () => [...this.walk()].flatMap((node) => node.pending)
    for (let done = -1, all = pending(); all.length > done; done = all.length, all = pending())
      await Promise.all(all)
  }

  /** Of the outermost scope: whether somebody has declared this route, by its full path. */
  hasRoute(method: string, path: string): boolean {
    const { key } = parsePath(path)
    return this.table.has(`${method} ${key}`) || this.table.has(`* ${key}`)
  }

  /** @throws TypeError `ARMATURE_ROUTE_PATTERN`, `ARMATURE_ROUTE_CONFLICT` */
  addRoute(method: string, path: string, declaration: RouteDeclaration): void {
    const route: RouteNode = { ...declaration, scope: this, method, path }
    const { root } = this
    const key = routeKey(route, this.fullPrefix)
    root.#assertFree(key, route, this.fullPrefix)
    root.table.set(key, route)
    this.routes.push(route)
  }

  /**
   * Puts `child` and everything below it under this scope; all of it or, when something conflicts, nothing.
   *
   * @throws TypeError `ARMATURE_OPTION_INVALID` when it has a place already or would contain itself
   */
  mount(child: ScopeNode): void {
    if (child.parent !== null || child === this.root) {
      const why =
        child.parent === null ? 'would contain itself' : 'belongs to a scope already; make one for each place'
      throw typeError('ARMATURE_OPTION_INVALID', `service(): this scope ${why}`)
    }
    if (child.prefix !== '') parsePath(this.fullPrefix + child.prefix)
    const { root } = this
    const moved = [...child.table.values()].map((route) => {
      const prefix = this.fullPrefix + route.scope.fullPrefix
      const key = routeKey(route, prefix)
      root.#assertFree(key, route, prefix)
      return [key, route] as const
    })
    for (const [key, route] of moved) root.table.set(key, route)
    child.parent = this
    this.children.push(child)
  }

  #assertFree(key: string, route: RouteNode, prefix: string): void {
    const existing = this.table.get(key)
    if (existing === undefined) return
    throw typeError('ARMATURE_ROUTE_CONFLICT', {
      route: describe(route, prefix),
      existing: describe(existing, existing.scope.fullPrefix),
    })
  }
}

/** @internal How messages call a route. */
export function describe(route: { method: string; path: string }, prefix: string): string {
  return `${route.method === '*' ? 'ANY' : route.method} ${joinPath(prefix, route.path)}`
}

function routeKey(route: RouteNode, prefix: string): string {
  return `${route.method} ${parsePath(joinPath(prefix, route.path)).key}`
}
