// src/ -> dist/, of the root and then of each package: tsc, then the ES module re-exports. Skipped where inputs and
// outputs are those of the last build.
import { rmSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { digest, filesOf, readStamp, writeStamp } from './digest.mjs'
import { packageFolders } from './packages.mjs'
import { bin, root } from './paths.mjs'
import { writeReexports } from './reexports.mjs'
import { node } from './run.mjs'

const tools = [
  ...['package.json', 'tsconfig.json', 'node_modules/typescript/package.json'],
  ...['node_modules/@types/node/package.json', 'scripts/lib/build-ts.mjs', 'scripts/lib/reexports.mjs'],
]
const core = ['src', 'native/binding.cjs', 'native/binding.d.cts', ...tools]
/** Packages see what the root exports, so they follow its build. */
const packaged = (path) => [`${path}/src`, `${path}/package.json`, `${path}/tsconfig.json`, 'dist', ...tools]

/** Builds `path` (below the root, '' is the root itself) from `inputs`, unless it was. Resolves to whether it worked. */
async function build(name, path, inputs) {
  const folder = join(root, path)
  const dist = path === '' ? 'dist' : `${path}/dist`
  const stamp = (input) => `${input} ${digest(root, [dist])}`
  const input = digest(root, inputs) // Taken first: what changes while we build is stale afterwards.
  if (readStamp(name) === stamp(input)) return true
  const { code, stdout } = await node([bin.tsc, '-p', join(folder, 'tsconfig.json'), '--listEmittedFiles'], {
    cwd: root,
    stdout: 'pipe',
  })
  const emitted = [...stdout.matchAll(/^TSFILE: (.*)$/gm)].map((match) => resolve(root, match[1].trim()))
  if (code !== 0) {
    process.stdout.write(stdout.replace(/^TSFILE: .*\n/gm, ''))
    return false
  }
  try {
    emitted.push(...(await writeReexports(folder)))
  } catch (error) {
    console.error(error.message)
    return false
  }
  const current = new Set(emitted)
  for (const file of filesOf(root, dist)) {
    if (!current.has(join(root, file))) rmSync(join(root, file))
  }
  writeStamp(name, stamp(input))
  return true
}

/** Resolves to whether it worked. */
export async function buildTs() {
  if (!(await build('ts', '', core))) return false
  for (const path of packageFolders(root)) {
    if (!(await build(`ts-${basename(path)}`, path, packaged(path)))) return false
  }
  return true
}
