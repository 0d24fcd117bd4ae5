import { Worker, type WorkerOptions } from 'node:worker_threads'
import { tsxArguments } from './tsx.js'

/** A thread that runs `entry` as this process does: with its arguments, those for Node.js, and its environment. */
export function spawnWorker(entry: string, options: WorkerOptions): Worker {
  const tsx = tsxArguments(entry)
  const all = { argv: process.argv.slice(2), ...options }
  if (tsx.length === 0) return new Worker(entry, all)
  try {
    return new Worker(entry, { ...all, execArgv: [...process.execArgv, ...tsx] })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== 'ERR_WORKER_INVALID_EXEC_ARGV') throw error
    // Flags that hold for the whole process, which a thread must not be given once more.
    const execArgv = process.execArgv.filter((flag) => !message.includes(flag))
    return new Worker(entry, { ...all, execArgv: [...execArgv, ...tsx] })
  }
}
