// Counts the requests of whatever application runs in this process: it is told by the channels of the framework.
import { subscribe } from 'node:diagnostics_channel'
import type { RequestErrorMessage, RequestFinishMessage, RequestStartMessage } from '@armature/core'

const started = new WeakMap<object, number>()
const routes = new Map<string, { count: number; errors: number; slowest: number }>()

function of(route: string) {
  const known = routes.get(route) ?? { count: 0, errors: 0, slowest: 0 }
  routes.set(route, known)
  return known
}

subscribe('armature:request:start', (message) => {
  started.set((message as RequestStartMessage).request, performance.now())
})

subscribe('armature:request:error', (message) => {
  of((message as RequestErrorMessage).request.route).errors++
})

subscribe('armature:request:finish', (message) => {
  const { request } = message as RequestFinishMessage
  const route = of(request.route)
  route.count++
  route.slowest = Math.max(route.slowest, performance.now() - (started.get(request) ?? 0))
})

/** What was counted so far, by route; times in milliseconds. */
export function metrics() {
  return Object.fromEntries(routes)
}
