// Whether an output still belongs to its inputs: by content, so that a checkout, a copy or a touched file misleads nobody.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { cacheDir } from './paths.mjs'

/** Every file below `folder/path` (or the file itself) as sorted paths relative to `folder`; a missing one is no file. */
export function filesOf(folder, path) {
  const full = join(folder, path)
  if (!existsSync(full)) return []
  if (!statSync(full).isDirectory()) return [path]
  return readdirSync(full)
    .sort()
    .flatMap((name) => filesOf(folder, `${path}/${name}`))
}

/** A digest over names and contents of all `paths` (files or folders) below `folder`. */
export function digest(folder, paths) {
  const hash = createHash('sha256')
  for (const file of paths.flatMap((path) => filesOf(folder, path))) {
    const content = readFileSync(join(folder, file))
    hash.update(`${file}\0${content.length}\0`).update(content)
  }
  return hash.digest('hex')
}

const stampFile = (name) => join(cacheDir, `${name}.stamp`)

/** The stamp that the last successful build wrote, or `''`. */
export const readStamp = (name) => (existsSync(stampFile(name)) ? readFileSync(stampFile(name), 'utf8') : '')

export function writeStamp(name, stamp) {
  mkdirSync(dirname(stampFile(name)), { recursive: true })
  writeFileSync(stampFile(name), stamp)
}
