// What a release refuses and how its manifest looks; __test__/install/ publishes and installs a whole one.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { root } from './lib/paths.mjs'
import { packageManifest, releaseManifest } from './release/manifest.mjs'
import { packRelease } from './release/pack.mjs'
import { versionProblems } from './release/version.mjs'
import { tree } from './testing/tree.mjs'

test('the published manifest depends on the platform packages, in its own version, and on nothing else', () => {
  const manifest = {
    ...{ name: '@x/core', version: '1.2.3', main: 'a.js', engines: { node: '>=1' } },
    ...{ scripts: {}, devDependencies: {}, overrides: {}, workspaces: [], napi: {} },
  }
  expect(releaseManifest(manifest, ['@x/core-b', '@x/core-a'])).toEqual({
    ...{ name: '@x/core', version: '1.2.3', main: 'a.js', engines: { node: '>=1' } },
    optionalDependencies: { '@x/core-a': '1.2.3', '@x/core-b': '1.2.3' },
  })
})

test('the published manifest of a package beside it keeps what users need', () => {
  const manifest = { name: '@x/y', version: '1.2.3', peerDependencies: { '@x/core': '^1.2.3' } }
  expect(packageManifest({ ...manifest, scripts: {}, devDependencies: {} })).toEqual(manifest)
})

const beside = (version, peer) => ({
  'packages/y/package.json': JSON.stringify({ version, peerDependencies: { '@armature/core': peer } }),
})
const versions = (version, changes = {}) => ({
  'package.json': JSON.stringify({ version }),
  'package-lock.json': JSON.stringify({ version }),
  'Cargo.toml': `[workspace]\n\n[workspace.package]\nversion = "${version}"\nedition = "2024"\n`,
  'native/binding.cjs': `if (bindingPackageVersion !== '${version}') {}\n`,
  'CHANGELOG.md': `## [Unreleased]\n\n## [${version}] - 2026-01-01\n`,
  ...changes,
})

test('versions that agree', () => {
  expect(versionProblems(tree(versions('1.2.3')), 'v1.2.3')).toEqual([])
  expect(versionProblems(tree(versions('1.2.3', { 'CHANGELOG.md': '' })))).toEqual([])
  expect(versionProblems(tree(versions('1.2.3', beside('1.2.3', '^1.2.3'))))).toEqual([])
})

test.each([
  ['a tag', {}, 'v1.2.4'],
  ['a tag without v', {}, '1.2.3'],
  ['Cargo.toml', { 'Cargo.toml': '[workspace.package]\nversion = "1.2.2"\n' }],
  ['package-lock.json', { 'package-lock.json': '{}' }],
  ['native/binding.cjs', { 'native/binding.cjs': "if (bindingPackageVersion !== '1.2.2') {}" }],
  ['a package beside it', beside('1.2.2', '^1.2.3')],
  ['what a package beside it wants', beside('1.2.3', '^1.2.2')],
  ['CHANGELOG.md', { 'CHANGELOG.md': '## [Unreleased]\n' }],
])('versions that do not: %s', (_, changes, tag = 'v1.2.3') => {
  expect(versionProblems(tree(versions('1.2.3', changes)), tag)).toHaveLength(1)
})

test("this tree's versions agree", () => {
  expect(versionProblems(root)).toEqual([])
})

test('a platform without a binary is named', async () => {
  const out = mkdtempSync(join(tmpdir(), 'armature-release-'))
  onTestFinished(() => rmSync(out, { recursive: true, force: true }))
  const binaries = tree({ 'a/armature.darwin-arm64.node': 'x' })
  await expect(packRelease({ binaries, out })).rejects.toThrow(
    /@armature\/core-darwin-x64: there is no armature\.darwin-x64\.node below /,
  )
  await expect(packRelease({ binaries: tree({ 'readme.md': '' }), out, partial: true })).rejects.toThrow(
    'there is no binary below',
  )
})
