import { ArmatureError } from '../errors.js'
import type { HandlerSpec, LayerSpec, Plan } from '../plan.js'

/** How many differences a message names. */
const SHOWN = 5

/** What threads have to agree about: Rust refers to handlers by their position. */
export type Table = Pick<Plan, 'layers' | 'scopes' | 'routes'>

/**
 * Threads of one generation have the same routes, layers and scopes, in the same order.
 *
 * @throws ArmatureError `ARMATURE_WORKER_ROUTES` that shows what `theirs` lacks, has more, or has otherwise
 */
export function assertSameRoutes(ours: Table, theirs: Table): void {
  const [expected, found] = [describe(ours), describe(theirs)]
  const missing = without(expected, found)
  const extra = without(found, expected)
  if (missing.length === 0 && extra.length === 0) {
    const at = expected.findIndex((line, index) => line !== found[index])
    if (at < 0) return
    throw differ([`${expected[at]} is declared in another place; the order has to be the same`])
  }
  // A route that only looks different is both missing and more: shown as what it was and what it is.
  const changed = missing.flatMap((line) => {
    const other = extra.find((each) => subject(each) === subject(line))
    return other === undefined ? [] : [{ line, other }]
  })
  throw differ([
    ...changed.map(({ line, other }) => `different: ${line}, here ${detail(other)}`),
    ...missing.filter((line) => !changed.some((one) => one.line === line)).map((line) => `missing: ${line}`),
    ...extra.filter((line) => !changed.some((one) => one.other === line)).map((line) => `extra: ${line}`),
  ])
}

function differ(differences: string[]): ArmatureError {
  const more = differences.length - SHOWN
  const shown = differences.slice(0, SHOWN).join('; ')
  return new ArmatureError('ARMATURE_WORKER_ROUTES', {
    differences: more > 0 ? `${shown}; and ${more} more` : shown,
  })
}

/** One line for each scope and route: what it is, a tab, how it is. */
function describe({ layers, scopes, routes }: Table): string[] {
  const of = (indices: readonly number[]) => {
    const names = indices.map((index) => layerText(layers[index]))
    return names.length === 0 ? '' : `, layers ${names.join(' ')}`
  }
  return [
    ...scopes.flatMap(({ prefix, layers: own, fallback }) => [
      `scope '${prefix}'\tdeclared${of(own)}`,
      ...(fallback === null ? [] : [`default of '${prefix}'\t${handlerText(fallback)}`]),
    ]),
    ...routes.map(({ method, path, layers: own, handler, bodyLimit, timeout }) => {
      const limits = [
        bodyLimit === undefined ? '' : `, limits.body ${bodyLimit}`,
        timeout === undefined ? '' : `, timeout ${timeout}`,
      ]
      const name = method === '*' ? 'ANY' : method
      return `${name} ${path}\t${handlerText(handler)}${of(own)}${limits.join('')}`
    }),
  ]
}

function handlerText(handler: HandlerSpec): string {
  if (handler.type === 'js') return 'JavaScript'
  if (handler.type === 'ws') return 'WebSocket'
  return handler.id === null ? handler.type : `${handler.type} in JavaScript middleware`
}

function layerText(layer: LayerSpec | undefined): string {
  if (layer === undefined) return 'unknown'
  const checks = layer.checks?.map(({ name, options }) => ` ${name}${JSON.stringify(options)}`) ?? []
  return `${layer.type}${JSON.stringify(layer.options)}${checks.join('')}`
}

function subject(line: string): string {
  return line.slice(0, line.indexOf('\t'))
}

function detail(line: string): string {
  return line.slice(line.indexOf('\t') + 1)
}

/** The lines of `list` that `other` has not as often. */
function without(list: readonly string[], other: readonly string[]): string[] {
  const left = new Map<string, number>()
  for (const line of other) left.set(line, (left.get(line) ?? 0) + 1)
  return list.filter((line) => {
    const count = left.get(line) ?? 0
    left.set(line, count - 1)
    return count <= 0
  })
}
