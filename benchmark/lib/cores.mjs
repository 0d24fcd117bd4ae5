// Which cores a process may use, and how it is held to some of them.
import { readFileSync } from 'node:fs'

/** `0-2,5` as `[0, 1, 2, 5]`. */
export function parseCores(list) {
  return list.split(',').flatMap((part) => {
    const [first, last = first] = part.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  })
}

/** Those of this process. */
export function allowedCores() {
  const status = readFileSync('/proc/self/status', 'utf8')
  return parseCores(/^Cpus_allowed_list:\s+(\S+)$/m.exec(status)[1])
}

/** `command` on `cores` alone; unchanged without. */
export const pinned = (command, cores) =>
  cores === undefined ? command : ['taskset', '--cpu-list', cores.join(','), ...command]
