// Load on a server whose workers are killed all the time; see `npm run kills -- --help`.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** Of the server's numbers, in all. */
const SAMPLES = 200

/**
 * Kills a worker `kills` times, or for so many `seconds`, as soon as all run again and `every` milliseconds after the one
 * before. Resolves with what became of the requests: `ok`, `lost` (503, the thread that had the request ended) and
 * `failures`, what else there was; and with about 200 samples of the server's numbers.
 */
export async function dyingWorkers({
  kills = Number.POSITIVE_INFINITY,
  seconds = Number.POSITIVE_INFINITY,
  workers = 3,
  clients = 24,
  every = 20,
  onSample = () => {},
}) {
  const options = { count: workers, restartDelay: 1, maxRestartDelay: 1 }
  const child = fork(fileURLToPath(new URL('server.cjs', import.meta.url)), {
    execArgv: ['--expose-gc', '--no-warnings'],
    env: { ...process.env, NODE_ENV: 'production', SOAK_WORKERS: JSON.stringify(options) },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  try {
    const [{ port }] = await once(child, 'message')
    const numbers = async () => {
      child.send('numbers')
      const [message] = await once(child, 'message')
      return message.numbers
    }
    const seen = { ok: 0, lost: 0, failures: [] }
    let isOver = false
    const load = Array.from({ length: clients }, async (_, index) => {
      for (let n = index; !isOver; n++) await visit(agent, port, n, seen)
    })
    const samples = []
    const started = Date.now()
    const passed = () => (Date.now() - started) / 1000
    const done = (n) => Math.max(n / kills, passed() / seconds)
    for (let n = 1; n <= kills && passed() < seconds; n++) {
      child.send('kill')
      await sleep(every)
      let now = await numbers()
      for (let wait = 0; now.restarts < n || now.running < workers; wait++) {
        if (wait > 1000) throw new Error(`no thread has followed: ${JSON.stringify(now)}`)
        await sleep(10)
        now = await numbers()
      }
      if (done(n) * SAMPLES >= samples.length + 1) {
        samples.push({ second: passed(), kills: n, ...now })
        onSample(samples.at(-1), seen)
      }
    }
    isOver = true
    await Promise.all(load)
    return { ...seen, samples }
  } finally {
    agent.destroy()
    child.kill('SIGKILL')
  }
}

async function visit(agent, port, n, seen) {
  const nonce = `n${n.toString(36)}`
  const path = n % 3 === 0 ? '/echo' : n % 3 === 1 ? `/async/${nonce}` : `/later/${nonce}`
  try {
    const { status, body } = await send(agent, port, path, nonce)
    if (status === 200 && body.includes(nonce)) seen.ok++
    else if (status === 503 && body.includes('ARMATURE_WORKER_LOST')) seen.lost++
    else seen.failures.push(`${path}: ${status} ${body.slice(0, 200)}`)
  } catch (error) {
    seen.failures.push(`${path}: ${error.message}`)
  }
}

function send(agent, port, path, nonce) {
  const method = path === '/echo' ? 'POST' : 'GET'
  return new Promise((resolve, reject) => {
    const headers = { 'x-nonce': nonce }
    const req = request({ port, host: '127.0.0.1', path, method, agent, headers }, (res) => {
      let body = ''
      res.setEncoding('utf8')
      res.on('data', (chunk) => {
        body += chunk
      })
      res.on('end', () => resolve({ status: res.statusCode, body }))
      res.on('error', reject)
    })
    req.on('error', reject)
    req.end(method === 'POST' ? nonce.repeat(100) : undefined)
  })
}
