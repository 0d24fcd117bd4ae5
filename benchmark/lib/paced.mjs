// Requests at a steady pace, whatever the answers do: how long does one wait that comes while a thread computes? wrk sends
// the next one when the last is answered, so that a server which does not answer is hardly asked.
import { constants, getPriority, setPriority } from 'node:os'
import { ask, open } from './client.mjs'

const CONNECTIONS = 64
/** Milliseconds between two requests of a connection. */
const PACE = 20
/** What counts as having waited, in milliseconds. */
export const WAITED = 50

/**
 * Has `run` run before others who want the processor, where that is allowed: beside threads that compute the client would
 * wait for them as the server does, and what is measured would be both. Restored when `run` has ended.
 */
async function first(run) {
  const before = getPriority()
  try {
    setPriority(constants.priority.PRIORITY_HIGHEST)
  } catch {
    return await run()
  }
  try {
    return await run()
  } finally {
    setPriority(before)
  }
}

/**
 * Opens connections, waits for `before()`, and asks for so many milliseconds. Resolves to `{ p50, p99, waitedPercent }`:
 * milliseconds from when a request was due, and how many of a hundred took more than {@link WAITED}.
 */
export async function paced(port, path, expected, { milliseconds, before }) {
  const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, () => open(port)))
  // They are somebody's when the trouble begins: a thread that computes accepts no connection.
  await Promise.all(sockets.map((socket) => ask(socket, path, expected)))
  await before()
  const begin = performance.now()
  const took = []
  const asking = () =>
    Promise.all(
      sockets.map(async (socket, index) => {
        // Spread evenly over the first interval.
        let due = begin + (index * PACE) / CONNECTIONS
        for (; due < begin + milliseconds; due += PACE) {
          const early = due - performance.now()
          if (early > 0) await new Promise((resolve) => setTimeout(resolve, early))
          // A timer may fire a part of a millisecond early.
          const sent = Math.min(due, performance.now())
          await ask(socket, path, expected)
          took.push(performance.now() - sent)
        }
        socket.destroy()
      }),
    )
  await first(asking)
  took.sort((a, b) => a - b)
  const at = (share) => took[Math.min(took.length - 1, Math.floor(took.length * share))]
  const waited = took.filter((time) => time > WAITED).length / took.length
  return { p50: at(0.5), p99: at(0.99), waitedPercent: waited * 100 }
}
