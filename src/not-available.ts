import { ArmatureError } from './errors.js'

/**
 * What stands in for a name that the API reserves. It throws at the call, so that nothing is taken for granted that is
 * not there, and the return type `never` tells the type checker.
 *
 * @internal
 * @param meanwhile what to use until then
 */
export function notAvailable(feature: string, meanwhile: string): (...args: unknown[]) => never {
  return () => {
    throw new ArmatureError(
      'ARMATURE_NOT_AVAILABLE',
      `${feature} is not available yet. Until then: ${meanwhile}`,
    )
  }
}

/** Reserved: a server for a `fetch` handler. Throws `ARMATURE_NOT_AVAILABLE`. */
export const serve: (...args: unknown[]) => never = notAvailable(
  'serve()',
  "return the Response of the fetch handler from a handler of any('/*rest', …)",
)

/** Reserved: an OpenAPI document of the routes. Throws `ARMATURE_NOT_AVAILABLE`. */
export const openapi: (...args: unknown[]) => never = notAvailable(
  'openapi()',
  'write the document by hand and serve it with fixed()',
)

/** Reserved: a typed client for the routes. Throws `ARMATURE_NOT_AVAILABLE`. */
export const rpc: (...args: unknown[]) => never = notAvailable(
  'rpc()',
  'share the types of the bodies and call fetch()',
)

/** Reserved: runs middleware of Connect and Express. Throws `ARMATURE_NOT_AVAILABLE`. */
export const fromConnect: (...args: unknown[]) => never = notAvailable(
  'fromConnect()',
  'write the middleware as wrap(async (req, next) => …)',
)
