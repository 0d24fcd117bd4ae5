// A small project in a temporary folder, for tests of what looks at whole trees.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'

/** Writes `{ 'path/to/file': 'content' }` and resolves to the folder, which is removed when the test has finished. */
export function tree(files) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'armature-tree-')))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
  return folder
}

const manifest = (name, rest = '') =>
  `[package]\nname = "${name}"\nversion = "0.1.0"\nedition = "2024"\n${rest}`

/** A cargo workspace with crates of our names; `core` and `bridge` are the text of their lib.rs and more of their manifest. */
export function workspace({ core = '//! Core.\n', coreManifest = '', bridgeManifest = '', extra = {} } = {}) {
  return tree({
    'Cargo.toml': '[workspace]\nresolver = "3"\nmembers = ["crates/*"]\n',
    'crates/armature-core/Cargo.toml': manifest('armature-core', coreManifest),
    'crates/armature-core/src/lib.rs': core,
    'crates/armature-bridge/Cargo.toml': manifest('armature-bridge', bridgeManifest),
    'crates/armature-bridge/src/lib.rs': '//! Bridge.\n',
    'crates/armature-node/Cargo.toml': manifest('armature-node'),
    'crates/armature-node/src/lib.rs': '//! Node.\n',
    'crates/napi/Cargo.toml': manifest('napi'),
    'crates/napi/src/lib.rs': '//! Stands for napi.\n',
    'crates/tokio/Cargo.toml': manifest('tokio'),
    'crates/tokio/src/lib.rs': '//! Stands for tokio.\n',
    ...extra,
  })
}
