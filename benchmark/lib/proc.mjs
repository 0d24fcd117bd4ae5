// CPU time and memory of a process, from /proc (Linux).
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

/** utime + stime of a `stat` file, in microseconds. The name in parentheses may contain anything. */
export function cpuOf(stat) {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return ((Number(fields[11]) + Number(fields[12])) * 1_000_000) / ticksPerSecond
}

/** Microseconds of CPU so far: of all threads, and of the main thread, which is the one that runs JavaScript. */
export function cpu(pid) {
  return {
    process: cpuOf(readFileSync(`/proc/${pid}/stat`, 'utf8')),
    main: cpuOf(readFileSync(`/proc/${pid}/task/${pid}/stat`, 'utf8')),
  }
}

/** Resident memory in bytes. */
export function rss(pid) {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024
}
