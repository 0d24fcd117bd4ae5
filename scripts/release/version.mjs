// One version everywhere: a tag, package.json, those of packages/, Cargo.toml, the loader of the addon and a section of
// the changelog.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageFolders } from '../lib/packages.mjs'

/** What does not agree with the version of package.json below `folder`; `tag` is that of the release, if there is one. */
export function versionProblems(folder, tag) {
  const read = (path) => readFileSync(join(folder, path), 'utf8')
  const { version } = JSON.parse(read('package.json'))
  const problems = []
  const expect = (where, found) => {
    if (found !== version)
      problems.push(`${where} has version ${found ?? '(none)'}, package.json has ${version}`)
  }
  expect('Cargo.toml', /^\[workspace\.package\]\nversion = "([^"]+)"/m.exec(read('Cargo.toml'))?.[1])
  expect('package-lock.json', JSON.parse(read('package-lock.json')).version)
  expect('native/binding.cjs', /bindingPackageVersion !== '([^']+)'/.exec(read('native/binding.cjs'))?.[1])
  for (const path of packageFolders(folder)) {
    const manifest = JSON.parse(read(`${path}/package.json`))
    expect(`${path}/package.json`, manifest.version)
    const peer = manifest.peerDependencies?.['@armature/core']
    if (peer !== `^${version}`)
      problems.push(
        `${path}/package.json wants @armature/core ${peer ?? '(none)'} as a peer, not ^${version}`,
      )
  }
  if (tag === undefined) return problems
  expect(`the tag ${tag}`, /^v(.+)$/.exec(tag)?.[1])
  const sections = [...read('CHANGELOG.md').matchAll(/^## \[([^\]]+)\]/gm)].map((match) => match[1])
  if (!sections.includes(version)) problems.push(`CHANGELOG.md has no section [${version}]`)
  return problems
}
