// What `io: 'auto'` makes of the cores that a process may use. The line that `run()` writes in development tells it.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, type TestContext, test } from 'vitest'

const script = `
  const { App } = require('@armature/core')
  App.new().run({ listen: '127.0.0.1:0' }).then((server) => server.close())
`

/** The driver of a process started by `command`, which ends with a program and its arguments. */
function driver(...command: string[]): string {
  const { ARMATURE_IO: _, ...env } = process.env
  const [program = process.execPath, ...args] = [...command, process.execPath, '-e', script]
  const result = spawnSync(program, args, {
    encoding: 'utf8',
    timeout: 20_000,
    env: { ...env, NODE_ENV: '' },
  })
  expect([result.status, result.stdout]).toEqual([0, ''])
  // Nothing else is there: no warning.
  return /^armature: .*\| (IO inline|\d+ IO threads?) \|.*\n$/.exec(result.stderr)?.[1] ?? result.stderr
}

const isLinux = process.platform === 'linux'

/** Cores of this process, by its affinity. */
function cores(): number[] {
  const list = /^Cpus_allowed_list:\s+(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? ''
  return list.split(',').flatMap((part) => {
    const [first = 0, last = first] = part.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  })
}

const held = (to: number[]) => driver('taskset', '--cpu-list', to.join(','))

/** Skips where even a process that nobody holds back has a single core, by affinity or by quota. */
function needsCores(context: TestContext): void {
  context.skip(driver() === 'IO inline', 'this machine gives a process a single core')
}

test.runIf(isLinux)('one core by affinity: IO on the JavaScript thread', () => {
  expect(held(cores().slice(0, 1))).toBe('IO inline')
})

test.runIf(isLinux)('more by affinity: IO threads, one less than the cores', (context) => {
  needsCores(context)
  expect(held(cores().slice(0, 2))).toBe('1 IO thread')
})

/** A place of the CPU controller where groups of processes may be made, or why there is none. */
function controller(): { folder: string; quota: (micros: number) => [string, string] } | string {
  const groups = readFileSync('/proc/self/cgroup', 'utf8')
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
  const first = /^\d+:(?:[^:]*,)?cpu(?:,[^:]*)?:(.*)$/m.exec(groups)?.[1]
  if (first !== undefined) {
    const mount = /^\S+ \S+ \S+ \S+ (\S+) .* - cgroup \S+ \S*\bcpu(?:,\S*)?$/m.exec(mounts)?.[1]
    if (mount === undefined) return 'the cpu controller of cgroup v1 is not mounted'
    return { folder: join(mount, first), quota: (micros) => ['cpu.cfs_quota_us', String(micros)] }
  }
  const second = /^0::(.*)$/m.exec(groups)?.[1]
  if (second === undefined) return 'there are no control groups'
  // A group whose processes are its own cannot hand the controller down; the root can.
  const folder = ['', second].map((path) => join('/sys/fs/cgroup', path)).find(handsDown)
  if (folder === undefined) return 'no group of cgroup v2 hands the cpu controller down'
  return { folder, quota: (micros) => ['cpu.max', `${micros} 100000`] }
}

function handsDown(folder: string): boolean {
  const file = join(folder, 'cgroup.subtree_control')
  return existsSync(file) && readFileSync(file, 'utf8').split(/\s+/).includes('cpu')
}

/** The driver of a process with a quota of so many microseconds in 100 milliseconds. */
function limited(context: TestContext, micros: number): string {
  const place = controller()
  if (typeof place === 'string') return context.skip(place)
  const folder = join(place.folder, `armature-test-${process.pid}`)
  const [file, value] = place.quota(micros)
  try {
    mkdirSync(folder)
  } catch (error) {
    return context.skip(`no group can be made: ${(error as Error).message}`)
  }
  try {
    try {
      writeFileSync(join(folder, file), value)
    } catch (error) {
      return context.skip(`no quota can be set: ${(error as Error).message}`)
    }
    return driver('sh', '-c', 'echo $$ > "$0" && exec "$@"', join(folder, 'cgroup.procs'))
  } finally {
    rmdirSync(folder)
  }
}

test.runIf(isLinux)('a quota of one and a half cores: what is not a whole core does not count', (context) => {
  needsCores(context)
  expect(limited(context, 150_000)).toBe('IO inline')
})

test.runIf(isLinux)('a quota of less than a core counts as one', (context) => {
  expect(limited(context, 50_000)).toBe('IO inline')
})

test.runIf(isLinux)('a quota of two cores: IO threads', (context) => {
  needsCores(context)
  expect(limited(context, 200_000)).toBe('1 IO thread')
})
