// Mixed load against one server for some time, with every answer checked; see `npm run soak -- --help`.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { closeClients, visits } from './clients.mjs'

/**
 * Runs the load and returns what was seen: visits, samples of the server's numbers, and the numbers at rest before and
 * after. Rejects at the first wrong answer.
 */
export async function soak({ seconds, clients = 24, sampleEvery = 5, onSample = () => {} }) {
  const child = fork(fileURLToPath(new URL('server.cjs', import.meta.url)), {
    execArgv: ['--expose-gc'],
    env: { ...process.env, NODE_ENV: 'production' },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  try {
    const [{ port }] = await once(child, 'message')
    const numbers = async () => {
      child.send('numbers')
      const [message] = await once(child, 'message')
      return message.numbers
    }
    // The first visits load code and grow pools; rest is what comes after them.
    await load(port, clients, Math.min(3, seconds / 4))
    const before = await atRest(numbers)
    const samples = []
    const started = Date.now()
    const timer = setInterval(async () => {
      const sample = { second: Math.round((Date.now() - started) / 1000), ...(await numbers()) }
      samples.push(sample)
      onSample(sample)
    }, sampleEvery * 1000)
    let count
    try {
      count = await load(port, clients, seconds)
    } finally {
      clearInterval(timer)
    }
    const after = await atRest(numbers)
    return { visits: count, samples, before, after }
  } finally {
    closeClients()
    child.kill('SIGKILL')
  }
}

async function load(port, clients, seconds) {
  const end = Date.now() + seconds * 1000
  let count = 0
  const client = async (index) => {
    for (let i = index; Date.now() < end; i++) {
      const visit = visits[i % visits.length]
      await visit(port)
      count++
    }
  }
  await Promise.all(Array.from({ length: clients }, (_, index) => client(index)))
  return count
}

/** The numbers once every request has been answered and every connection of a client that left is gone. */
async function atRest(numbers) {
  closeClients()
  for (let i = 0; i < 100; i++) {
    const now = await numbers()
    if (now.connections === 0 && now.pending === 0) return now
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`the server did not come to rest: ${JSON.stringify(await numbers())}`)
}
