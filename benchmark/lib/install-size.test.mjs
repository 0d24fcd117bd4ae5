// What an installation takes.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { packageSize, packedSize } from './install-size.mjs'

let root
afterEach(() => rmSync(root, { recursive: true, force: true }))

/** A package with one file of `bytes`; returns the bytes of all of it. */
function install(folder, bytes, manifest = {}) {
  mkdirSync(join(root, folder, 'lib'), { recursive: true })
  const json = JSON.stringify(manifest)
  writeFileSync(join(root, folder, 'package.json'), json)
  writeFileSync(join(root, folder, 'lib/index.js'), 'x'.repeat(bytes))
  return bytes + json.length
}

test('a package counts with all that it needs, each once, nested or not', () => {
  root = mkdtempSync(join(tmpdir(), 'armature-size-'))
  const needs = { dependencies: { b: '1', '@x/c': '1' }, optionalDependencies: { absent: '1' } }
  const a = install('node_modules/a', 100, needs)
  const b = install('node_modules/b', 20, { dependencies: { '@x/c': '2', a: '1' } })
  const c1 = install('node_modules/@x/c', 3)
  const c2 = install('node_modules/b/node_modules/@x/c', 4)
  install('node_modules/unrelated', 1000)
  expect(packageSize('a', root)).toEqual({ bytes: a + b + c1 + c2, packages: 4 })
})

test('one addon is counted, packed or not', () => {
  const addon = (triple, size) => ({ path: `native/armature.${triple}.node`, size })
  const here = `${process.platform}-${process.arch}`
  const core = [{ path: 'dist/index.js', size: 10 }]
  const built = [addon(`${here}-gnu`, 500), addon('elsewhere-x64', 900)]
  expect(packedSize(core, built)).toEqual({ bytes: 510, packages: 2 })
  expect(packedSize([...core, ...built], built)).toEqual({ bytes: 510, packages: 2 })
})
