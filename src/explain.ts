import { type CompiledApp, compile } from './compile.js'
import { nameOf, typeError } from './errors.js'
import { canonical, type Pattern, parsePath, type Segment, SegmentKind } from './paths.js'
import type { HandlerSpec, RouteSpec } from './plan.js'
import type { AnyScope } from './scope.js'

/** One step on the way to the handler. */
export interface ExplainedLayer {
  /** The type of a native layer, the name of a function. */
  readonly name: string
  /** Whether it runs in Rust. */
  readonly native: boolean
}

/** What happens to a request; `String(explanation)` is a text for people. */
export class Explanation {
  /** The pattern that matches; `null` when no route does. */
  readonly pattern: string | null
  /** The name of the handler, `fixed`, or the answer that Rust gives by itself, such as `404 Not Found`. */
  readonly handler: string
  /** What runs before the handler, in order. */
  readonly chain: readonly ExplainedLayer[]
  readonly #request: string

  /** @internal */
  constructor(request: string, pattern: string | null, handler: string, chain: readonly ExplainedLayer[]) {
    this.#request = request
    this.pattern = pattern
    this.handler = handler
    this.chain = chain
  }

  /** One line for the request, each step and the answer. */
  toString(): string {
    const steps = this.chain.map(({ name, native }) => `  ${native ? 'rust' : 'js  '} ${name}`)
    return [
      `${this.#request} -> ${this.pattern ?? 'no route'}`,
      ...steps,
      `  answered by ${this.handler}`,
    ].join('\n')
  }
}

interface Candidate {
  readonly spec: RouteSpec
  readonly pattern: Pattern
}

/**
 * Finds out what a request meets, by the rules of the Rust router: segment by segment static text before a parameter
 * before a wildcard; of routes with the same path the one for the method, then GET for HEAD, then any.
 *
 * @internal
 */
export function explainPath(scope: AnyScope, target: unknown, method: unknown): Explanation {
  if (typeof target !== 'string' || !target.startsWith('/')) {
    const details = {
      option: 'path of explain()',
      value: nameOf(target),
      allowed: "a path such as '/users/7'",
    }
    throw typeError('ARMATURE_OPTION_INVALID', details)
  }
  const app = compile(scope)
  const verb = String(method)
  const request = `${verb} ${target}`
  const native = (answer: string, place: number) =>
    new Explanation(request, null, answer, nativeChain(app, place, []))
  const segments = split(target)
  if (segments === null) return native('400 Bad Request', 0)

  const routes = app.plan.routes.map((spec) => ({ spec, pattern: parsePath(spec.path) }))
  const slash = app.plan.config.trailingSlash
  const exact = routes.filter((route) => matches(route.pattern.segments, segments))
  const other =
    slash === undefined || slash === 'strict'
      ? []
      : routes.filter((route) => matches(route.pattern.segments, toggled(segments)))
  const known = slash === 'ignore' ? [...exact, ...other] : exact
  const found = mostSpecific(exact, verb) ?? mostSpecific(known, verb)
  if (found !== undefined) {
    const { path, scope, layers, handler } = found.spec
    return answered(app, request, path, handler, nativeChain(app, scope, layers))
  }
  const place = mostSpecific(known) ?? mostSpecific(other)
  if (place !== undefined) {
    if (known.length === 0) return native('308 Permanent Redirect', place.spec.scope)
    return native(verb === 'OPTIONS' ? '204 No Content' : '405 Method Not Allowed', place.spec.scope)
  }
  const deepest = deepestScope(app, segments)
  const fallback = fallbackOf(app, deepest)
  if (fallback === null) return native('404 Not Found', deepest)
  return answered(app, request, null, fallback, nativeChain(app, deepest, []))
}

function answered(
  app: CompiledApp,
  request: string,
  pattern: string | null,
  handler: HandlerSpec,
  native: ExplainedLayer[],
): Explanation {
  const names = handler.id === null ? [handler.type] : (app.handlers[handler.id]?.names ?? [])
  const js = names.slice(0, -1).map((name) => ({ name, native: false }))
  return new Explanation(request, pattern, names.at(-1) ?? '', [...native, ...js])
}

/** The native layers from the application down to a scope, and those of a route in it. */
function nativeChain({ plan }: CompiledApp, scope: number, own: readonly number[]): ExplainedLayer[] {
  const indices = [...own]
  for (let spec = plan.scopes[scope]; spec !== undefined; spec = plan.scopes[spec.parent ?? -1]) {
    indices.unshift(...spec.layers)
  }
  return indices.map((index) => ({ name: plan.layers[index]?.type ?? '', native: true }))
}

/** Without `method`: of all. */
function mostSpecific(candidates: readonly Candidate[], method?: string): Candidate | undefined {
  const rank = ({ spec }: Candidate) => {
    if (method === undefined || spec.method === method) return 0
    if (method === 'HEAD' && spec.method === 'GET') return 1
    return spec.method === '*' ? 2 : Number.POSITIVE_INFINITY
  }
  const usable = candidates.filter((candidate) => rank(candidate) < 3)
  const [first] = usable.sort(
    (a, b) => compareKinds(a.pattern.segments, b.pattern.segments) || rank(a) - rank(b),
  )
  return first
}

function deepestScope({ plan }: CompiledApp, segments: readonly string[]): number {
  const prefixes = plan.scopes.map(({ prefix }, index) => ({
    index,
    parts: prefix === '' ? [] : parsePath(prefix).segments,
  }))
  const [deepest] = prefixes
    .filter(({ parts }) => parts.length <= segments.length && matches(parts, segments.slice(0, parts.length)))
    .sort((a, b) => b.parts.length - a.parts.length || compareKinds(a.parts, b.parts))
  return deepest?.index ?? 0
}

function fallbackOf({ plan }: CompiledApp, scope: number): HandlerSpec | null {
  for (let spec = plan.scopes[scope]; spec !== undefined; spec = plan.scopes[spec.parent ?? -1]) {
    if (spec.fallback !== null) return spec.fallback
  }
  return null
}

function compareKinds(a: readonly Segment[], b: readonly Segment[]): number {
  const at = a.findIndex((segment, index) => segment.kind !== b[index]?.kind)
  return at < 0 ? 0 : (a[at]?.kind ?? 0) - (b[at]?.kind ?? 0)
}

function matches(pattern: readonly Segment[], segments: readonly string[]): boolean {
  const rest = pattern.at(-1)?.kind === SegmentKind.Rest
  if (rest ? segments.length < pattern.length : segments.length !== pattern.length) return false
  return pattern.every(({ kind, text }, index) => {
    if (kind === SegmentKind.Rest) return segments.slice(index).join('/') !== ''
    return kind === SegmentKind.Param ? segments[index] !== '' : segments[index] === text
  })
}

/** The segments of a path in canonical form; `null` for an invalid escape. */
function split(target: string): string[] | null {
  const [path = ''] = target.split('?', 1)
  try {
    return path.slice(1).split('/').map(canonical)
  } catch {
    return null
  }
}

/** The same path with the other choice of trailing slash. */
function toggled(segments: readonly string[]): readonly string[] {
  if (segments.length === 1 && segments[0] === '') return segments
  return segments.at(-1) === '' ? segments.slice(0, -1) : [...segments, '']
}
