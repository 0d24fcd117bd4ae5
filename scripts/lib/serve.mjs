// A server as a child process that `npm start` and `npm run dev` look after.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { root } from './paths.mjs'

const dieWithParent = join(root, 'scripts/lib/die-with-parent.cjs')

/**
 * Starts `node <file>` and shows what it prints. It is the leader of a process group of its own: Ctrl-C in a terminal
 * reaches a whole group, and a server that gets it twice (from the terminal and from us) ends without draining.
 *
 * `url` resolves to the first http URL that it prints, or undefined when it ends before. `ended` resolves to its exit code.
 */
export function serve(file) {
  const child = spawn(process.execPath, ['--require', dieWithParent, file], {
    cwd: root,
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  const ended = new Promise((resolve) => child.on('exit', (code, signal) => resolve(code ?? signal)))
  const url = new Promise((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      console.log(line)
      const found = /https?:\/\/[^\s"']+/.exec(line)
      if (found) resolve(found[0])
    })
    ended.then(() => resolve(undefined))
  })

  /** Asks it to drain and end; kills it when it has not after `grace` milliseconds. */
  async function stop(grace = 15_000) {
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), grace)
    const code = await ended
    clearTimeout(timer)
    return code
  }
  return { url, ended, stop, kill: (signal) => child.kill(signal) }
}
