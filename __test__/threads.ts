// Servers with several JavaScript threads: which threads there are, and that nothing of them is left.
import type { Worker } from 'node:worker_threads'
import type { Server } from '@armature/core'
import { afterEach } from 'vitest'
import { census } from '../dist/native.js'
import { until } from './helper.js'

/** The workers of this process, in the order of their starts. */
export const threads = new Set<Worker>()
process.on('worker', (worker) => {
  threads.add(worker)
  worker.on('exit', () => threads.delete(worker))
})

/** A list whose servers are closed after each test; the test waits until their threads, loops and lanes are gone. */
export function closedAfterEach(): Server[] {
  const servers: Server[] = []
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.close({ timeout: 0 })))
    await until(() => threads.size === 0, 'the end of the workers')
    await until(() => census().every((count) => count === 0), 'the end of loops and lanes')
  })
  return servers
}
