// CPU time and memory of a process, from /proc (Linux).
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

/** utime + stime of a `stat` file, in microseconds. The name in parentheses may contain anything. */
export function cpuOf(stat) {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return ((Number(fields[11]) + Number(fields[12])) * 1_000_000) / ticksPerSecond
}

/** Run time by a `schedstat` file, in microseconds; the kernel counts it in nanoseconds, not in ticks. */
export const runTimeOf = (schedstat) => Number(schedstat.split(' ')[0]) / 1000

/** Of one thread; undefined when it has just ended. Kernels without `schedstat` count ticks. */
function cpuOfThread(pid, thread) {
  const read = (file) => readFileSync(`/proc/${pid}/task/${thread}/${file}`, 'utf8')
  try {
    return existsSync(`/proc/${pid}/task/${thread}/schedstat`)
      ? runTimeOf(read('schedstat'))
      : cpuOf(read('stat'))
  } catch {
    return undefined
  }
}

/** The process and those that it started, at any depth: a cluster is several. */
export function family(pid) {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean),
  )
  return [pid, ...children.flatMap((child) => family(Number(child)))]
}

/**
 * Microseconds of CPU so far, by thread, of the process and of those that it started; the main thread, which is the one that
 * runs JavaScript, has the id of the process.
 */
export function cpu(pid) {
  const threads = family(pid).flatMap((each) =>
    readdirSync(`/proc/${each}/task`).map((thread) => [thread, cpuOfThread(each, thread)]),
  )
  return new Map(threads.filter(([, time]) => time !== undefined))
}

/** `{ process, main }`: microseconds between two looks of {@link cpu}, of all threads and of the main thread. */
export function cpuBetween(pid, before, after) {
  const spent = (thread) => (after.get(thread) ?? 0) - (before.get(thread) ?? 0)
  const all = [...after.keys()].map(spent)
  return { process: all.reduce((sum, time) => sum + time, 0), main: spent(String(pid)) }
}

/** Memory in bytes of the process and those that it started, what several share counted once (proportional set size). */
export function pss(pid) {
  const of = (each) => /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${each}/smaps_rollup`, 'utf8'))[1]
  return family(pid).reduce((sum, each) => sum + Number(of(each)) * 1024, 0)
}

/** Resident memory in bytes. */
export function rss(pid) {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024
}

/** The same of the process and those that it started: what several share counts for each of them. */
export function rssOfAll(pid) {
  return family(pid).reduce((sum, each) => sum + rss(each), 0)
}
