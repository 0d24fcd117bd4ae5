// The client of the WebSocket works, see benchmark/sockets.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { programOf, said } from './crates.mjs'

/**
 * Resolves when it is connected: `measure()` has it begin and resolves to what it says, while its connections are open; `end()` closes
 * them. It has `seconds` for all of that. Rejects when a message was lost.
 */
export async function startSockets(args, seconds) {
  const child = spawn(programOf('sockets'), args, { timeout: seconds * 1000, killSignal: 'SIGKILL' })
  const [result, exit] = [{ stdout: '', stderr: '' }, once(child, 'close')]
  // Whoever waits for it hears of it.
  exit.catch(() => {})
  child.stderr.setEncoding('utf8').on('data', (chunk) => {
    result.stderr += chunk
  })
  // It may end before it has read what it is told, which its exit code explains.
  child.stdin.on('error', () => {})
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const line = async () => {
    const { value, done } = await lines.next()
    if (!done) return value
    const [code] = await exit
    return said('sockets', { ...result, code: code ?? 'none' })
  }
  await line()
  return {
    async measure() {
      child.stdin.write('\n')
      return said('sockets', { ...result, code: 0, stdout: await line() })
    },
    async end() {
      child.stdin.end()
      const [code] = await exit
      if (code !== 0) said('sockets', { ...result, code })
    },
  }
}
