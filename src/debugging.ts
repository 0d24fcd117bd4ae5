import inspector from 'node:inspector'

/** How often it is looked whether an inspector is open, in milliseconds. */
const INTERVAL = 250

// Taken at load, so that fake timers of a test runner do not stop it.
const { setInterval, clearInterval } = globalThis

/** What is told, with what it was told last. */
const watchers = new Map<(open: boolean) => void, boolean>()
let timer: ReturnType<typeof setInterval> | undefined

/**
 * Tells `listener` when an inspector is opened (`--inspect`, `inspector.open()`, SIGUSR1) and when it is closed: somebody who
 * steps through a handler must not find its request answered. Node has no event for it, so it is looked at from time to
 * time, which costs less than a look for each request. Returns a function that ends it.
 */
export function watchInspector(listener: (open: boolean) => void): () => void {
  watchers.set(listener, false)
  look()
  timer ??= setInterval(look, INTERVAL).unref()
  return () => {
    watchers.delete(listener)
    if (watchers.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
}

function look(): void {
  const open = inspector.url() !== undefined
  for (const [listener, told] of watchers) {
    if (told === open) continue
    watchers.set(listener, open)
    listener(open)
  }
}
