// The small pieces: JavaScript's own benchmarks, and those of the Rust core, as `{ name, nanoseconds, in }`.
import { join } from 'node:path'
import { root } from '../../scripts/lib/paths.mjs'
import { run } from '../../scripts/lib/run.mjs'

const kept = { stdout: 'pipe', stderr: 'pipe' }

/** What the programs of benchmark/micro print. */
export function parseMicro(output) {
  return [...output.matchAll(/^@@(\{.*\})$/gm)].map(([, json]) => JSON.parse(json))
}

/** Each file of benchmark/micro in a process of its own: what one makes polymorphic must not slow down another. */
export async function javascript({ quick }) {
  const results = []
  for (const file of ['json.mjs', 'request.mjs']) {
    const args = [join(root, 'benchmark/micro', file), ...(quick ? ['--quick'] : [])]
    const { code, stdout, stderr } = await run(process.execPath, args, {
      ...kept,
      env: { NODE_ENV: 'production' },
      timeout: 120_000,
    })
    if (code !== 0) throw new Error(`micro/${file} failed:\n${stderr}`)
    results.push(...parseMicro(stdout))
  }
  return results.map((result) => ({ ...result, in: 'JavaScript' }))
}

const UNITS = { ps: 0.001, ns: 1, us: 1000, µs: 1000, ms: 1_000_000 }

/** The middle estimates of criterion's output; long names have a line of their own. */
export function parseCriterion(output) {
  const pattern = /^(\S.*?)\s+time:\s+\[\S+ \S+ ([\d.]+) (\S+) \S+ \S+\]/gm
  return [...output.matchAll(pattern)].map(([, name, value, unit]) => ({
    name,
    nanoseconds: Number(value) * UNITS[unit],
  }))
}

const names = ['router', 'chain', 'head', 'idle']
const benches = ['bench', '--quiet', '-p', 'armature-core', ...names.flatMap((name) => ['--bench', name])]

/** `idle/Cors` and the like without what it takes to answer without a layer, which is `idle/none`. */
export function withoutRest(results) {
  const of = (name) => results.find((each) => each.name === name)?.nanoseconds
  return results.flatMap(({ name, nanoseconds }) => {
    const [, kind, layer] = /^(idle.*)\/(.*)$/.exec(name) ?? []
    if (kind === undefined) return [{ name, nanoseconds }]
    const rest = of(`${kind}/none`)
    return layer === 'none' ? [] : [{ name, nanoseconds: nanoseconds - rest }]
  })
}

/** Compiles what {@link rust} runs; resolves to why it cannot, or undefined. */
export async function prepareRust() {
  const { code } = await run('cargo', [...benches, '--no-run'], kept)
  return code === 0 ? undefined : 'cargo could not build the benches of armature-core'
}

export async function rust() {
  const brief = ['--', '--noplot', '--warm-up-time', '0.5', '--measurement-time', '1']
  const { code, stdout, stderr } = await run('cargo', [...benches, ...brief], kept)
  const results = parseCriterion(stdout)
  if (code !== 0 || results.length === 0) throw new Error(`cargo bench failed:\n${stderr}`)
  return withoutRest(results).map((result) => ({ ...result, in: 'Rust' }))
}
