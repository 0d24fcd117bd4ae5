// The loop of `npm run dev`: what to watch, and when to go round.
import { watch } from 'node:fs'
import { join } from 'node:path'

const sources = /\.(rs|ts|mts|cts|mjs|cjs|js|toml|json)$/
const foreign = /(^|[\\/])(node_modules|target|dist)[\\/]/

/**
 * Calls `cycle('')`, and again with the path of what has changed whenever a source in one of the `folders` below `root`
 * does. One cycle at a time: what changes meanwhile starts another one afterwards, however much it was. Returns a function
 * that stops watching and resolves when the last cycle is over.
 */
export function devLoop(root, folders, cycle, { settle = 200 } = {}) {
  let pending
  let running
  let timer
  const go = async () => {
    while (pending !== undefined) {
      const reason = pending
      pending = undefined
      await cycle(reason)
    }
    running = undefined
  }
  const request = (reason) => {
    pending = reason
    running ??= go()
  }
  const changed = (folder, file) => {
    if (!file || !sources.test(file) || foreign.test(file)) return
    clearTimeout(timer)
    timer = setTimeout(request, settle, join(folder, file)) // Editors write a file in several steps.
  }
  const watchers = folders.map((folder) =>
    watch(join(root, folder), { recursive: true }, (_, file) => changed(folder, file?.toString())),
  )
  request('')
  return async () => {
    clearTimeout(timer)
    pending = undefined
    for (const watcher of watchers) watcher.close()
    await running
  }
}
