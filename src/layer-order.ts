import type { Plan } from './plan.js'

/** Two layers of which the first must not be around the second, unless there is one of its kind inside, too. */
interface Harm {
  readonly outer: string
  readonly inner: string
  readonly message: string
}

const HARMS: readonly Harm[] = [
  {
    outer: 'etag',
    inner: 'compress',
    message:
      'Compress is inside ETag, so that tags are those of compressed content and large answers get none; ' +
      'wrap Compress before ETag',
  },
  {
    outer: 'bodyLimit',
    inner: 'decompress',
    message:
      'Decompress is inside BodyLimit, where maxSize of Decompress says how large bodies may become, and not BodyLimit; ' +
      'wrap BodyLimit after Decompress',
  },
  {
    outer: 'cache',
    inner: 'logger',
    message:
      'Logger is inside Cache, so that answers from the cache are not logged; wrap Logger before Cache',
  },
  {
    outer: 'cache',
    inner: 'requestId',
    message:
      'RequestId is inside Cache, so that answers from the cache have the id of another request; ' +
      'wrap RequestId before Cache',
  },
]

/**
 * What is wrong with the order of native layers, one sentence for each scope or route that it begins at.
 *
 * @internal
 */
export function orderWarnings({ layers, scopes, routes }: Plan): string[] {
  const typesOf = (indices: readonly number[]) => indices.map((index) => layers[index]?.type ?? '')
  const warnings: string[] = []
  // What is wrong around a scope is told there, and not again for everything in it.
  const look = (around: readonly string[], own: readonly string[], place: string) => {
    for (const { outer, inner, message } of HARMS) {
      const at = own.lastIndexOf(inner)
      if (at < 0 || own.includes(outer, at)) continue
      if (around.includes(outer) || own.includes(outer)) warnings.push(`${place}: ${message}`)
    }
  }
  const chains: string[][] = []
  for (const { parent, prefix, layers: own } of scopes) {
    const around = parent === null ? [] : (chains[parent] as string[])
    const types = typesOf(own)
    chains.push([...around, ...types])
    look(around, types, prefix === '' ? 'the application' : prefix)
  }
  for (const { scope, method, path, layers: own } of routes) {
    look(chains[scope] as string[], typesOf(own), `${method === '*' ? 'ANY' : method} ${path}`)
  }
  return warnings
}
