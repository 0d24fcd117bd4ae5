// Guards that run a tool. Each takes the root of a tree and resolves to a list of problems: what the tool said.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packageFolders } from '../lib/packages.mjs'
import { bin } from '../lib/paths.mjs'
import { quiet } from '../lib/run.mjs'
import { cargoTally } from '../lib/tally.mjs'

async function tool(root, command, args, env) {
  const { code, output } = await quiet(command, args, { cwd: root, env })
  return code === 0 ? [] : [output.trim() || `${command} ended with code ${code}`]
}
const nodeTool = (root, args) => tool(root, process.execPath, args)

/** What `check` says of the root and of each package beside it. */
async function ofPackages(root, check) {
  const problems = await check(root)
  for (const path of packageFolders(root)) problems.push(...(await check(join(root, path))))
  return problems
}

export const rustIsFormatted = (root) => tool(root, 'cargo', ['fmt', '--all', '--check'])

export const clippyIsSilent = (root) =>
  tool(root, 'cargo', ['clippy', '--quiet', '--workspace', '--all-targets', '--', '-D', 'warnings'])

/** Every public item is documented and every link in the documentation leads somewhere. */
export const rustIsDocumented = (root) =>
  tool(root, 'cargo', ['doc', '--quiet', '--workspace', '--no-deps'], {
    RUSTDOCFLAGS: '-D warnings -D missing_docs',
  })

export const biomeIsSilent = (root) => nodeTool(root, [bin.biome, 'ci', '--colors=off', '.'])

export const typesAreRight = (root) =>
  ofPackages(root, (folder) => nodeTool(folder, [bin.tsc, '--noEmit', '-p', 'tsconfig.json']))

export const packagesAreWellFormed = (root) =>
  ofPackages(root, (folder) => nodeTool(folder, [bin.publint, 'run', '--strict']))

/** Every entry has types that say what is loaded, for `import`, `require()` and bundlers; asked of the tarballs. */
export const typesResolve = (root) => ofPackages(root, typesOfPackage)

async function typesOfPackage(root) {
  const out = mkdtempSync(join(tmpdir(), 'armature-attw-'))
  try {
    const packed = await quiet('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', out], {
      cwd: root,
    })
    const [file] = readdirSync(out)
    if (file === undefined) return [packed.output.trim()]
    return await nodeTool(root, [bin.attw, '--no-color', '--no-emoji', join(out, file)])
  } finally {
    rmSync(out, { recursive: true, force: true })
  }
}

/** Which crates may not depend on what, at any depth. */
const forbidden = { 'armature-core': /^napi/, 'armature-bridge': /^(napi|tokio|hyper)/ }

export async function cratesStayApart(root) {
  const problems = []
  for (const [crate, pattern] of Object.entries(forbidden)) {
    const args = ['tree', '-p', crate, '--edges', 'normal,build', '--prefix', 'none', '--format', '{p}']
    const { code, output } = await quiet('cargo', args, { cwd: root })
    if (code !== 0) problems.push(output.trim())
    const names = new Set(output.split('\n').map((line) => line.split(' ')[0]))
    for (const name of names) {
      if (pattern.test(name))
        problems.push(`${crate} depends on ${name}; \`cargo tree -p ${crate} -i ${name}\` shows how`)
    }
  }
  return problems
}

/** What the build generates in native/ is what is committed. The caller has built. */
export async function nativeIsCommitted(root) {
  const files = ['native/binding.cjs', 'native/binding.d.cts']
  const tracked = await tool(root, 'git', ['ls-files', '--error-unmatch', ...files])
  return tracked.length > 0 ? tracked : tool(root, 'git', ['diff', '--exit-code', '--', ...files])
}

/** TypeScript's option types are those of the Rust structs: a Rust test compares them. */
export async function optionTypesAreCommitted(root) {
  const args = ['test', '--quiet', '--workspace', '--exclude', 'armature-node', 'exports_typescript_types']
  const { code, output } = await quiet('cargo', args, { cwd: root })
  if (code !== 0) return [output.trim()]
  return cargoTally(output).passed > 0 ? [] : ['no Rust test is named exports_typescript_types']
}
