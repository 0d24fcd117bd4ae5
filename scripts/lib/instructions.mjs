// Counts what a request costs: builds benchmark/instructions and runs its scenarios under valgrind.
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { readCallgrind } from './callgrind.mjs'
import { compare, countsTable, differences } from './counts.mjs'
import { cacheDir, root } from './paths.mjs'
import { perRequest } from './profile.mjs'
import { quiet, run } from './run.mjs'

export const keptFile = join(root, 'benchmark/instructions.json')

/** Names of all scenarios, in the order of tables. `record` has no sockets. */
export const scenarios = ['fixed', 'param', 'pipelined', 'post', 'head-typical', 'connection', 'record']

/** Requests of the shorter run; the longer one has twice as many. A multiple of 16, which is what a pipeline has. */
const REQUESTS = 800

/** Runs of each length. The clock moves on, and the allocator now and then tidies up: the least that was counted is what counts. */
const RUNS = 3

export const kept = () => JSON.parse(readFileSync(keptFile, 'utf8'))

const HOW = 'Debian and Ubuntu: `sudo apt-get install valgrind`; Fedora: `sudo dnf install valgrind`.'

/** A sentence when valgrind cannot be used here: as a reason to skip, or in CI a failure. */
export async function valgrindMissing(look = quiet, platform = process.platform) {
  if (platform !== 'linux')
    return 'loops without a thread of their own, which are counted, exist on Linux only'
  return (await look('valgrind', ['--version'])).code === 0 ? undefined : `valgrind is missing. ${HOW}`
}

/**
 * Resolves to the path of the driver, or undefined when it did not build. It is built as the addon is, for a named target as
 * napi's command does it, so that most of what it needs has been compiled already; but with symbols, and on request with
 * the lines of functions that were inlined.
 */
export async function buildDriver({ lines = false } = {}) {
  const { target } = await compiler()
  const what = [
    '--target',
    target,
    '-p',
    'benchmark-instructions',
    '--message-format',
    'json-render-diagnostics',
  ]
  const args = lines
    ? ['build', '--profile', 'bench', ...what]
    : ['rustc', '--release', ...what, '--', '-C', 'strip=none']
  const { code, stdout } = await run('cargo', args, { stdout: 'pipe' })
  if (code !== 0) return undefined
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line).executable)
    .findLast((file) => file)
}

async function compiler() {
  const { output } = await quiet('rustc', ['-vV'])
  const find = (key) => new RegExp(`^${key}: (.*)$`, 'm').exec(output)?.[1]
  return { rustc: find('release'), target: find('host') }
}

/** What counts depend on, apart from the sources. */
export async function environment() {
  const { output } = await quiet('getconf', ['GNU_LIBC_VERSION'])
  // Valgrind shows programs AVX2 where there is AVX2, and nothing newer; copying and searching have code for either.
  const avx2 = /^flags\s*:.*\bavx2\b/m.test(readFileSync('/proc/cpuinfo', 'utf8'))
  return { ...(await compiler()), libc: output.trim(), vectors: avx2 ? 'avx2' : 'none' }
}

let files = 0

/** Functions of one run. */
async function callgrind(driver, name, requests) {
  mkdirSync(cacheDir, { recursive: true })
  const out = join(cacheDir, `callgrind-${process.pid}-${++files}.out`)
  const options = [
    `--callgrind-out-file=${out}`,
    '--toggle-collect=*counted::counted',
    '--collect-systime=yes',
  ]
  try {
    const args = ['--tool=callgrind', ...options, driver, name, String(requests)]
    const { code, output } = await quiet('valgrind', args)
    if (code !== 0) throw new Error(`${name} ended with code ${code}\n${output}`)
    return readCallgrind(readFileSync(out, 'utf8')).functions
  } finally {
    rmSync(out, { force: true })
  }
}

const total = (functions) => [...functions.values()].reduce((sum, costs) => sum + costs.self[0], 0)

/** Resolves to {@link perRequest} of a scenario. */
export async function count(driver, name, runs = RUNS) {
  const least = async (requests) => {
    let best
    for (let i = 0; i < runs; i++) {
      const functions = await callgrind(driver, name, requests)
      if (best === undefined || total(functions) < total(best)) best = functions
    }
    return best
  }
  return perRequest(await least(REQUESTS), await least(2 * REQUESTS), REQUESTS)
}

/** {@link count} of each of `names`, as many at a time as there are cores. */
export async function countAll(driver, names) {
  const left = [...names]
  const counts = {}
  const work = async () => {
    for (let name = left.shift(); name !== undefined; name = left.shift())
      counts[name] = await count(driver, name)
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work))
  return Object.fromEntries(names.map((name) => [name, counts[name]]))
}

/** Prints the comparison of `counts` with what is kept; resolves to its problems. */
export async function judge(counts) {
  const rows = compare(counts, kept().perRequest)
  console.log(countsTable(rows))
  const apart = differences(kept().environment, await environment())
  const problems = rows.flatMap((row) => row.problem ?? [])
  if (apart.length === 0) return problems
  console.log(`\nNot compared, because the environment is another one: ${apart.join('; ')}.`)
  return []
}
