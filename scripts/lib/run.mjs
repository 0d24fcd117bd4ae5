// Runs a program to its end. Children never outlive this process, however it ends.
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { root } from './paths.mjs'

const children = new Set()

// Programs start programs of their own (napi starts cargo, cargo starts rustc) and not all of them pass a signal on: each
// child leads a process group, which is stopped as a whole.
const groups = process.platform !== 'win32'

process.on('exit', () => {
  for (const child of children) stop(child, 'SIGTERM')
})

function stop(child, signal) {
  try {
    if (groups) process.kill(-child.pid, signal)
    else child.kill(signal)
  } catch {
    // It ended in this very moment.
  }
}

// A script that has its own idea of a signal listens for it before it runs anything.
function endOnSignals() {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    if (process.listenerCount(signal) === 0)
      process.once(signal, () => process.exit(128 + constants.signals[signal]))
  }
}

/**
 * Resolves to `{ code, stdout, stderr }`; never rejects. A program that cannot be started has code 127, one that is
 * killed 128 and more. `stdout` and `stderr` are `'inherit'` (default: shown, not kept) or `'pipe'` (kept, not shown).
 * After `interrupt` milliseconds the program gets SIGINT, to end in its own way, after `timeout` it is killed.
 */
export function run(command, args, options = {}) {
  const { cwd = root, env, stdout = 'inherit', stderr = 'inherit', interrupt, timeout } = options
  endOnSignals()
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', stdout, stderr],
      detached: groups,
    })
    const timers = [interrupt && setTimeout(stop, interrupt, child, 'SIGINT')]
    timers.push(timeout && setTimeout(stop, timeout, child, 'SIGKILL'))
    const settle = (result) => {
      for (const timer of timers) clearTimeout(timer)
      children.delete(child)
      resolve(result)
    }
    if (child.pid !== undefined) children.add(child)
    const kept = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr']) {
      child[name]?.setEncoding('utf8').on('data', (text) => {
        kept[name] += text
      })
    }
    child.on('error', (error) => {
      settle({ code: 127, stdout: kept.stdout, stderr: `${kept.stderr}${command}: ${error.message}\n` })
    })
    child.on('close', (code, signal) => {
      settle({ code: code ?? 128 + constants.signals[signal], ...kept })
    })
  })
}

/** As {@link run}, for a JavaScript program. */
export const node = (args, options) => run(process.execPath, args, options)

/** As {@link run} with everything kept: `{ code, output }`. */
export async function quiet(command, args, options) {
  const { code, stdout, stderr } = await run(command, args, { ...options, stdout: 'pipe', stderr: 'pipe' })
  return { code, output: stdout + stderr }
}
