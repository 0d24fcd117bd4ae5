import type { PlannedCheck } from './health-checks.js'
import type { AppLog } from './log/app-log.js'
import type { HttpRequest } from './request.js'
import type { SocketRoute } from './websocket/route.js'

/**
 * What an application looks like when it crosses to Rust: one JSON document, once, at start. Buffers (bodies of fixed
 * responses) travel beside it and are named by index. `crates/armature-node/src/plan.rs` reads exactly this shape and
 * refuses unknown fields.
 */
export interface Plan {
  /** Options from code, unresolved: Rust adds defaults and `ARMATURE_*`, validates and names what is wrong. */
  config: Record<string, unknown>
  layers: LayerSpec[]
  /** `scopes[0]` is the application itself: prefix `''`, parent `null`. A parent comes before its children. */
  scopes: ScopeSpec[]
  routes: RouteSpec[]
  /** Folders whose files are served; handlers refer to them by their index. */
  files: FilesSpec[]
}

/** A folder, and the options of `files()`. */
export interface FilesSpec {
  dir: string
  options: Record<string, unknown>
}

/** One instance of a native layer; scopes and routes refer to it by its index. */
export interface LayerSpec {
  type: string
  options: Record<string, unknown>
  /** Of `Health`: what is checked. */
  checks?: { name: string; options: Record<string, unknown> }[]
}

export interface ScopeSpec {
  /** Full prefix from the root, `''` or `/api/:org`. */
  prefix: string
  parent: number | null
  /** Own native layers, outermost first; those of the parents are not repeated. */
  layers: number[]
  /** Answers misses below the prefix. */
  fallback: HandlerSpec | null
}

export interface RouteSpec {
  scope: number
  /** A method token, or `*` for every method. */
  method: string
  /** Full pattern from the root, in the grammar of the public API (`/users/:id`, `/files/*rest`). */
  path: string
  layers: number[]
  handler: HandlerSpec
  bodyLimit?: number | string
  timeout?: number | string
}

/** `id` is an index into {@link Compiled.handlers}; a native handler has one only when JS middleware surrounds it. */
export type HandlerSpec =
  | { type: 'js'; id: number }
  | { type: 'ws'; id: number; options: Record<string, unknown>; reopens: boolean }
  | { type: 'fixed'; id: number | null; status: number; headers: [string, string][]; body: number | null }
  /** `depth` segments of the path come before that of the file. */
  | { type: 'files'; id: number | null; files: number; depth: number }

/** The JavaScript half of a route or fallback. */
export interface CompiledHandler {
  /** The matched pattern (`req.route`); `''` for a fallback. */
  readonly pattern: string
  readonly paramNames: readonly string[]
  /** The handler inside its JS middleware (app, scope, route), composed once. May throw, may return a promise. */
  readonly run: (req: HttpRequest) => unknown
  readonly scope: ScopeRuntime
  /** Of a WebSocket route. */
  readonly socket?: SocketRoute
  /** Of a native handler that always answers with the same one. */
  readonly status?: number
  /** Length of the last answer that was JSON, before there was one 0: small ones are written in another way. */
  jsonLength: number
}

/** What a request needs from the scope that its route was declared in. */
export interface ScopeRuntime {
  readonly parent: ScopeRuntime | null
  /** Of the outermost scope: the log of the application. */
  readonly log?: AppLog
  /** Shared state declared on this scope. */
  readonly data: ReadonlyMap<unknown, unknown>
  /** `onError` handlers of this scope, in declaration order, unless they are asked inside the middleware around it. */
  readonly onError: readonly ((error: unknown, req: HttpRequest) => unknown)[]
  /** Those that are. */
  readonly insideOnError?: ScopeRuntime['onError']
}

export interface Compiled {
  readonly plan: Plan
  readonly buffers: readonly Uint8Array[]
  readonly handlers: readonly CompiledHandler[]
  /** What this thread has to check while the server runs. */
  readonly checks: readonly PlannedCheck[]
  /** The log of the application. */
  readonly log: AppLog
}
