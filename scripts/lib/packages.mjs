// The packages beside `@armature/core`: the folders of packages/.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** `['packages/cache', …]` below `folder`, those with a package.json. */
export function packageFolders(folder) {
  const packages = join(folder, 'packages')
  if (!existsSync(packages)) return []
  return readdirSync(packages)
    .sort()
    .map((name) => `packages/${name}`)
    .filter((path) => existsSync(join(folder, path, 'package.json')))
}
