// --- declare module '@armature/core' { interface Locals }: the app-wide form of locals ---
import { App, type HttpRequest, middleware } from '@armature/core'

declare module '@armature/core' {
  interface Locals {
    tenant?: string
  }
}

App.new()
  .wrap((req, next) => {
    req.locals.tenant = 'acme'
    return next()
  })
  .get('/', (req) => req.locals.tenant?.length)
  .wrap(middleware<{ count: number }>((_req, next) => next()))
  .get('/b', (req) => [req.locals.tenant, req.locals.count])

export function handler(req: HttpRequest) {
  // @ts-expect-error
  req.locals.nobody
  return req.locals.tenant
}
