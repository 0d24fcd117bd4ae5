// The project's own files.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

const generated = new Set(['node_modules', 'target', 'dist', 'native', 'generated', '.git'])

/** Hand-written files below `folder/path` whose name matches `pattern`, as paths relative to `folder`, sorted. */
export function ownFiles(folder, path, pattern) {
  if (!existsSync(join(folder, path))) return []
  return readdirSync(join(folder, path), { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const file = path === '' ? entry.name : `${path}/${entry.name}`
      if (entry.isDirectory()) return generated.has(entry.name) ? [] : ownFiles(folder, file, pattern)
      return pattern.test(entry.name) ? [file] : []
    })
}
