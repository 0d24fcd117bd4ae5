// A server as a process, for tests.
import { spawn } from 'node:child_process'
import { onTestFinished } from 'vitest'

/**
 * Runs `node <args>` with `PORT=0` until it prints an http URL. Killed when the test has finished, if it still runs.
 *
 * @param {string[]} args
 * @param {{ cwd?: string, env?: Record<string, string>, node?: string }} [options] `node`: another Node.js than this one
 * @returns {Promise<{ url: string, output: () => string, end: (signal: NodeJS.Signals) => Promise<number | string> }>}
 *   `end` sends a signal and resolves to the exit code, or to the name of the signal that killed it
 */
export async function startServer(args, { cwd, env, node = process.execPath } = {}) {
  const child = spawn(node, args, {
    cwd,
    env: { ...process.env, NODE_ENV: 'development', PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const ended = new Promise((resolve) => child.on('close', (code, signal) => resolve(code ?? signal)))
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  const url = await new Promise((resolve, reject) => {
    const read = (chunk) => {
      output += chunk
      const found = /https?:\/\/[^\s"']+(?=\s)/.exec(output)
      if (found) resolve(found[0].replace(/\/$/, ''))
    }
    child.stdout.setEncoding('utf8').on('data', read)
    child.stderr.setEncoding('utf8').on('data', read)
    ended.then((code) => reject(new Error(`it ended with ${code} before it printed a URL:\n${output}`)))
  })
  return {
    url,
    output: () => output,
    end(signal) {
      child.kill(signal)
      return ended
    },
  }
}
