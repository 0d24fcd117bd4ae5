// package.json as it is published.

/** What only this repository needs. */
const ours = ['scripts', 'devDependencies', 'overrides', 'workspaces', 'napi']

/**
 * The manifest of the published root: without what only we need, with one optional dependency for each platform
 * package, in exactly its own version. npm installs the one whose `os`, `cpu` and `libc` are those of the machine.
 */
export function releaseManifest(manifest, platformPackages) {
  const published = { ...manifest }
  for (const name of ours) delete published[name]
  const entries = [...platformPackages].sort().map((name) => [name, manifest.version])
  return { ...published, optionalDependencies: Object.fromEntries(entries) }
}

/** The manifest of a published package of packages/: without what only we need. */
export function packageManifest(manifest) {
  const published = { ...manifest }
  for (const name of ours) delete published[name]
  return published
}
