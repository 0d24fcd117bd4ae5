// A contender as a child process.
import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { root } from '../../scripts/lib/paths.mjs'
import { open } from './client.mjs'

/** Who is ended with us. One listener for all: each of many would be taken for a leak. */
const alive = new Set()
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
})

const within = (promise, milliseconds, what) => {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${what} took more than ${milliseconds / 1000} s`)),
      milliseconds,
    )
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

/** Resolves to `port` as soon as somebody listens there, never when `isOver()` comes first. */
async function listening(port, isOver) {
  while (!isOver()) {
    try {
      const socket = await open(port)
      socket.destroy()
      return port
    } catch {
      await sleep(10)
    }
  }
  return new Promise(() => {})
}

/**
 * Starts a contender; resolves to `{ pid, port, ask(), collect(), stop() }` when it listens on 127.0.0.1. With `quiet` what it
 * writes to stderr is kept for the error instead of shown. It has `starting` milliseconds to listen. One that does not say its port has been given it: `port`.
 */
export async function startContender(
  { command: [program, ...args], env, javascript, port: given },
  { quiet, starting = 15_000 } = {},
) {
  const child = spawn(program, args, {
    cwd: root,
    env: { ...process.env, NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', quiet ? 'pipe' : 'inherit', ...(javascript ? ['ipc'] : [])],
  })
  let over = false
  const ended = new Promise((resolve) => child.on('close', resolve))
  const kill = () => child.kill('SIGKILL')
  alive.add(child)
  ended.then(() => {
    over = true
    alive.delete(child)
  })

  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (chunk) => {
    said += chunk
  })
  const port = new Promise((resolve, reject) => {
    let text = ''
    child.on('error', (error) => {
      over = true
      reject(error)
    })
    if (given !== undefined) listening(given, () => over).then(resolve)
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      text += chunk
      const found = /^port (\d+)$/m.exec(text)
      if (found) resolve(Number(found[1]))
    })
    ended.then((code) =>
      reject(new Error(`it ended with code ${code} before it listened\n${said}`.trimEnd())),
    )
  })

  const ask = async (message) => {
    const answer = new Promise((resolve) => child.once('message', resolve))
    child.send(message)
    return within(answer, 10_000, `asking it to ${message}`)
  }

  return {
    pid: child.pid,
    port: await within(port, starting, 'starting').catch((error) => {
      kill()
      throw error
    }),
    /** Has JavaScript do something, one at a time; resolves to its answer. See servers/ready.mjs. */
    ask,
    /** Lets JavaScript collect its garbage, so that what remains is in use. */
    async collect() {
      if (javascript) await ask('collect')
    },
    async stop() {
      child.kill('SIGTERM')
      const timer = setTimeout(kill, 3000)
      await ended
      clearTimeout(timer)
    },
  }
}
