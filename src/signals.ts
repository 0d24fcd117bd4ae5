import { inspect } from 'node:util'
import type { Server } from './server.js'

const SIGNALS = ['SIGTERM', 'SIGINT'] as const

const servers = new Set<Server>()
let stopping = false

/**
 * Closes `server` when the process is asked to end, and reloads it on SIGHUP when it has workers. Returns a function that
 * forgets it.
 */
export function watchSignals(server: Server): () => void {
  if (servers.size === 0) for (const signal of SIGNALS) process.on(signal, onSignal)
  if (server._threads > 1 && reloadable().length === 0) process.on('SIGHUP', onHangUp)
  servers.add(server)
  return () => {
    servers.delete(server)
    if (servers.size === 0) for (const signal of SIGNALS) process.off(signal, onSignal)
    if (reloadable().length === 0) process.off('SIGHUP', onHangUp)
  }
}

function reloadable(): Server[] {
  return [...servers].filter((server) => server._threads > 1)
}

function onHangUp(): void {
  for (const server of reloadable()) {
    server.reload().catch((error: unknown) => report('reloading', error))
  }
}

/** @internal Says on stderr what went wrong where nobody waits for it. */
export function report(what: string, error: unknown): void {
  // With its cause: of a worker that did not start it says why.
  process.stderr.write(`[armature] ${what} failed: ${error instanceof Error ? inspect(error) : error}\n`)
}

function onSignal(signal: NodeJS.Signals): void {
  if (stopping) process.exit(128 + (signal === 'SIGINT' ? 2 : 15))
  stopping = true
  // Whoever listens beside us decides himself when the process ends.
  const alone = process.listenerCount(signal) === 1
  for (const server of servers) server._endReadiness()
  const wait = Math.max(...[...servers].map((server) => server._preDrain))
  setTimeout(() => {
    Promise.allSettled([...servers].map((server) => server._close(undefined))).then((closed) => {
      stopping = false
      let clean = true
      for (const result of closed) {
        if (result.status === 'fulfilled') {
          clean &&= result.value === 0
          continue
        }
        clean = false
        report('stopping', result.reason)
      }
      if (alone) process.exit(clean ? 0 : 1)
    })
  }, wait)
}
