// What else a server's process has to do while it answers: a timer of a millisecond, and files that are read one after the
// other. Both show how often the event loop has its turn.
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

const INTERVAL = 1
/** What comes first is not counted: the load takes so many milliseconds to begin. */
const LEAD = 200
const file = fileURLToPath(import.meta.url)

let seen

/** Begins. Asked for before the load: under load a process that starves its own I/O might not hear of it. */
export function watch() {
  const own = { begin: performance.now(), last: performance.now(), late: [], reads: 0, isLeading: true }
  own.timer = setInterval(tick, INTERVAL, own)
  seen = own
  void read(own)
  return 'watching'
}

function tick(own) {
  const now = performance.now()
  if (own.isLeading && now - own.begin >= LEAD)
    Object.assign(own, { begin: own.last, reads: 0, isLeading: false })
  // Node counts whole milliseconds of the loop's time and may be early by a part of one.
  if (!own.isLeading) own.late.push(Math.max(0, now - own.last - INTERVAL))
  own.last = now
}

async function read(own) {
  while (own === seen) {
    await readFile(file)
    own.reads++
  }
}

/** Ends; how late the timer was in milliseconds, how often it fired and how many files were read in a second. */
export function report() {
  const { timer, begin, last, late, reads } = seen
  clearInterval(timer)
  seen = undefined
  const now = performance.now()
  const seconds = (now - begin) / 1000
  const ticks = late.length
  // One that is due and has not come is late as well.
  if (now - last > INTERVAL) late.push(now - last - INTERVAL)
  late.sort((a, b) => a - b)
  const at = (share) => late[Math.min(late.length - 1, Math.floor(late.length * share))]
  return {
    lateP50: at(0.5),
    lateP99: at(0.99),
    lateMax: at(1),
    ticks: ticks / seconds,
    reads: reads / seconds,
  }
}
