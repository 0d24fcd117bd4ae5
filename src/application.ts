import { compile } from './compile.js'
import { ArmatureError } from './errors.js'
import type { RunOptions } from './generated/config.js'
import { orderWarnings } from './layer-order.js'
import { resolveOptions, type Settings } from './native.js'
import type { Compiled } from './plan.js'
import { type AnyScope, nodeOf } from './scope.js'
import type { ScopeNode, StartHook, StopHook } from './scope-node.js'
import { isPrimary } from './workers/link.js'

/** Replacements of shared state, for tests. */
export type DataOverrides = readonly (readonly [key: unknown, value: unknown])[]

/** @internal An application that is about to run: compiled and frozen, with its hooks in the order they run. */
export interface Prepared {
  readonly compiled: Compiled
  readonly settings: Settings
  readonly onStart: readonly StartHook[]
  readonly onStop: readonly StopHook[]
  /** Every value of shared state, outermost scope first. */
  readonly values: readonly unknown[]
  /** Shared state of the outermost scope. */
  readonly data: ReadonlyMap<unknown, unknown>
}

/** @internal Awaits what `configure()` left, freezes the application and compiles it with the options of `run()` laid over its own. */
export async function prepare(app: AnyScope, run: RunOptions, overrides: DataOverrides): Promise<Prepared> {
  const root = nodeOf(app) as ScopeNode
  await root.settle()
  override(root, overrides)
  root.freeze()
  const compiled = compile(app)
  for (const layer of compiled.natives) layer._freeze()
  merge(compiled.plan.config, run as Record<string, unknown>)
  // Before any hook runs: a typo must not first open a database.
  const settings = resolveOptions(JSON.stringify(compiled.plan.config))
  root.log.configure(JSON.stringify({ log: compiled.plan.config.log }), settings.log)
  if (isPrimary) {
    for (const message of orderWarnings(compiled.plan))
      process.emitWarning(message, { type: 'ArmatureWarning', code: 'ARMATURE_LAYER_HARM' })
  }
  const onStart: StartHook[] = []
  const onStop: StopHook[] = []
  const values: unknown[] = []
  visit(root, (node) => {
    onStart.push(...node.onStart)
    onStop.push(...node.onStop)
    values.push(...node.data.values())
  })
  return { compiled, settings, onStart, onStop, values, data: root.data }
}

/** @internal Runs the stop hooks and disposes shared state, in reverse order. Everything runs; what failed is thrown together. */
export async function unwind(prepared: Pick<Prepared, 'onStop' | 'values'>): Promise<void> {
  const errors: unknown[] = []
  const attempt = async (step: () => unknown) => {
    try {
      await step()
    } catch (error) {
      errors.push(error)
    }
  }
  for (const stop of [...prepared.onStop].reverse()) await attempt(stop)
  for (const value of [...prepared.values].reverse()) {
    const dispose = (value as Partial<AsyncDisposable>)[Symbol.asyncDispose]
    if (typeof dispose === 'function') await attempt(() => dispose.call(value))
  }
  if (errors.length === 1) throw errors[0]
  if (errors.length > 1) throw new AggregateError(errors, 'stopping failed in several places')
}

function visit(node: ScopeNode, visitor: (node: ScopeNode) => void): void {
  visitor(node)
  for (const child of node.children) visit(child, visitor)
}

/** Replaces values wherever the application declares them; what it does not declare is added to the outermost scope. */
function override(root: ScopeNode, overrides: DataOverrides): void {
  if (overrides.length > 0 && root.frozen) throw new ArmatureError('ARMATURE_APP_FROZEN', { what: 'data' })
  for (const [key, value] of overrides) {
    let found = false
    visit(root, (node) => {
      if (!node.data.has(key)) return
      node.data.set(key, value)
      found = true
    })
    if (!found) root.data.set(key, value)
  }
}

/** Lays the options of `run()` over those of the App; groups such as `limits` are merged member by member. */
function merge(base: Record<string, unknown>, over: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(over)) {
    if (value === undefined) continue
    const isGroup = (name === 'limits' || name === 'timeouts') && isObject(base[name]) && isObject(value)
    base[name] = isGroup ? { ...(base[name] as object), ...(value as object) } : value
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
