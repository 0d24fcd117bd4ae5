// Bytes that an installation puts on the disk.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { root } from '../../scripts/lib/paths.mjs'
import { run } from '../../scripts/lib/run.mjs'

/** Of all files below `folder`, but not of the packages that are installed inside it. */
function bytesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => name !== 'node_modules')
    .map((entry) => {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) return bytesBelow(path)
      return entry.isFile() ? statSync(path).size : 0
    })
    .reduce((sum, size) => sum + size, 0)
}

/** Where Node finds `name` from the package at `from`, or undefined (an optional one for another platform). */
function find(name, from) {
  for (let folder = from; ; folder = dirname(folder)) {
    const found = join(folder, 'node_modules', name)
    if (existsSync(join(found, 'package.json'))) return found
    if (folder === dirname(folder)) return undefined
  }
}

/** `{ bytes, packages }` of `name` and all that it depends on, as installed below `folder`. */
export function packageSize(name, folder = root) {
  const seen = new Set()
  const visit = (path) => {
    if (path === undefined || seen.has(path)) return 0
    seen.add(path)
    const { dependencies, optionalDependencies } = JSON.parse(
      readFileSync(join(path, 'package.json'), 'utf8'),
    )
    const names = Object.keys({ ...dependencies, ...optionalDependencies })
    return names.reduce((sum, each) => sum + visit(find(each, path)), bytesBelow(path))
  }
  const bytes = visit(find(name, folder))
  return { bytes, packages: seen.size }
}

const isAddon = (path) => path.endsWith('.node')
const isOurs = (path) => path.includes(`${process.platform}-${process.arch}`)

/**
 * `{ bytes, packages }` of `packed`, a list of `{ path, size }` as npm packs it, with one addon for this platform: that of
 * the package as long as it is in there, else one of `built`.
 */
export function packedSize(packed, built) {
  const core = packed.filter(({ path }) => !isAddon(path))
  const addons = [...packed, ...built].filter(({ path }) => isAddon(path) && isOurs(path))
  const largest = Math.max(0, ...addons.map(({ size }) => size))
  return { bytes: core.reduce((sum, { size }) => sum + size, largest), packages: 2 }
}

/** The core package and one platform package, unpacked; there are no dependencies. */
export async function armatureSize() {
  const { code, stdout } = await run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    stdout: 'pipe',
    stderr: 'pipe',
  })
  if (code !== 0) throw new Error('npm pack failed')
  const built = readdirSync(join(root, 'native')).map((name) => ({
    path: name,
    size: statSync(join(root, 'native', name)).size,
  }))
  return packedSize(JSON.parse(stdout)[0].files, built)
}
