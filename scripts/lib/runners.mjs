// The test runners. Each resolves to `{ name, passed, failed, problem? }` and shows the output of what failed.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { bin, cacheDir, root, targetDir } from './paths.mjs'
import { node, quiet, run } from './run.mjs'
import { cargoTally, verdict, vitestTally } from './tally.mjs'

async function cargo(name, args, env) {
  const { code, stdout } = await run('cargo', args, { env, stdout: 'pipe' })
  const result = verdict(name, code, cargoTally(stdout))
  if (result.failed > 0) process.stdout.write(stdout)
  return result
}

/** Unit, integration and doc tests of the crates that know nothing of JavaScript. */
export const cargoTests = () =>
  cargo('cargo test', ['test', '--workspace', '--exclude', 'armature-node', '--no-fail-fast'])

/** The model checker, over the atomics of the bridge and of the engine: compiled with another cfg, hence its own target directory. */
export const loomTests = (env = {}) =>
  cargo('loom', ['test', '-p', 'armature-loom', '--profile', 'loom', '--no-fail-fast'], {
    RUSTFLAGS: `${process.env.RUSTFLAGS ?? ''} --cfg armature_loom`.trim(),
    CARGO_TARGET_DIR: join(targetDir, 'loom'),
    ...env,
  })

export const hasLoomTests = () => existsSync(join(root, 'crates/armature-loom/Cargo.toml'))

/**
 * Runs each target of fuzz/ for `seconds`, from the kept corpus. What it finds goes to ~/.cache/armature/fuzz: new inputs
 * below the name of the target, one that fails to `failed`. Stable Rust is enough without a sanitizer.
 */
export async function fuzzTests(seconds) {
  const found = join(homedir(), '.cache/armature/fuzz')
  const cwd = join(root, 'fuzz')
  const results = []
  for (const file of readdirSync(join(cwd, 'fuzz_targets')).sort()) {
    const target = file.replace('.rs', '')
    mkdirSync(join(found, target), { recursive: true })
    mkdirSync(join(found, 'failed'), { recursive: true })
    const flags = [`-max_total_time=${seconds}`, '-max_len=1600', '-dict=http1.dict', '-verbosity=0']
    const corpora = [join(found, target), join('corpus', target)]
    const args = ['fuzz', 'run', '--sanitizer', 'none', target, ...corpora]
    const { code } = await run('cargo', [...args, '--', ...flags, `-artifact_prefix=${found}/failed/`], {
      cwd,
    })
    const problem =
      code === 0 ? undefined : 'found something, or "cargo install cargo-fuzz --locked" is missing'
    results.push({ name: `fuzz ${target}`, passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, problem })
  }
  return results
}

/** `args` go to vitest; the numbers come from its json reporter. */
export async function vitest(name, args = [], env = {}) {
  mkdirSync(cacheDir, { recursive: true })
  const report = join(cacheDir, 'vitest.json')
  rmSync(report, { force: true })
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const { code } = await node([bin.vitest, 'run', ...reporters, ...args], { env })
  return verdict(name, code, vitestTally(existsSync(report) ? readFileSync(report, 'utf8') : ''))
}

/** The type tests, by both compilers that we promise to work with: each compile is one test. */
export async function typeTests() {
  const results = []
  for (const [name, tsc] of Object.entries({
    'types, TypeScript 6': bin.tsc,
    'types, TypeScript 7': bin.tsc7,
  })) {
    const { code, output } = await quiet(process.execPath, [tsc, '-p', '__test__/types', '--noEmit'])
    if (code !== 0) process.stdout.write(output)
    results.push({ name, passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1 })
  }
  return results
}

export const hasTypeTests = () => existsSync(join(root, '__test__/types/tsconfig.json'))

const longFolder = join(root, '__test__/long')
export const hasLongTests = () =>
  existsSync(longFolder) && readdirSync(longFolder).some((file) => file.endsWith('.test.ts'))
