// Programs of the benchmark that are not Armature: crates of their own, built when they are first needed.
import { join } from 'node:path'
import { root, targetDir } from '../../scripts/lib/paths.mjs'
import { quiet } from '../../scripts/lib/run.mjs'

const target = join(targetDir, 'benchmark')

/** The program of benchmark/<name>. */
export const programOf = (name) => join(target, 'release', `benchmark-${name}`)

/** Builds benchmark/<name>; resolves to why it could not, or undefined. */
export async function buildCrate(name) {
  const manifest = ['--manifest-path', join(root, 'benchmark', name, 'Cargo.toml')]
  const { code } = await quiet('cargo', [
    'build',
    '--release',
    '--locked',
    ...manifest,
    '--target-dir',
    target,
  ])
  return code === 0 ? undefined : `cargo could not build benchmark/${name}`
}

/** What a client says on its line of JSON; throws when it failed. */
export function said(name, { code, stdout, stderr }) {
  const line = /^@@(\{.*\})$/m.exec(stdout)
  if (code !== 0 || !line) throw new Error(`benchmark/${name} failed: ${stderr || stdout}`)
  return JSON.parse(line[1])
}
