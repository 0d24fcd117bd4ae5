import { isDevelopment } from './development.js'
import type { HttpRequest } from './request.js'

const warned = new Set<string>()

/**
 * Says once per route, in development, that a handler returned nothing: the usual reason is a forgotten `return`.
 *
 * @internal
 */
export function warnUndefined(req: HttpRequest): void {
  if (!isDevelopment()) return
  const route = `${req.method} ${req.route === '' ? 'default' : req.route}`
  if (warned.has(route)) return
  warned.add(route)
  process.stderr.write(
    `[armature] the handler of ${route} returned undefined: the answer is 204. ` +
      'Return null or HttpResponse.noContent() to say that you mean it.\n',
  )
}
