// `npm run release`: what a release does, each step by itself. CONTRIBUTING.md says when.
import { join } from 'node:path'
import { args } from './lib/args.mjs'
import { fail, step } from './lib/log.mjs'
import { root } from './lib/paths.mjs'
import { packRelease } from './release/pack.mjs'
import { publishRelease } from './release/publish.mjs'
import { versionProblems } from './release/version.mjs'

const help = `
npm run release -- [--tag v1.2.3] [--binaries <folder>] [--out <folder>] [--partial] [--publish]

Checks that all versions agree and packs the tarballs: one for each platform of package.json's napi.targets, the
root, which depends on them, and the packages of packages/. Nothing is published without --publish.
  --tag       the tag of the release; it has to be that of package.json
  --binaries  where the built *.node files are, at any depth (native)
  --out       where the tarballs go (node_modules/.cache/armature/release)
  --partial   leave out platforms that have no binary there
  --publish   publish them, with provenance: in CI, after the tests
`

const options = args(help, {
  tag: { type: 'string' },
  binaries: { type: 'string', default: join(root, 'native') },
  out: { type: 'string', default: join(root, 'node_modules/.cache/armature/release') },
  partial: { type: 'boolean', default: false },
  publish: { type: 'boolean', default: false },
})

const problems = versionProblems(root, options.tag)
if (problems.length > 0) fail('the versions do not agree', ...problems)
if (options.publish && options.partial) fail('--partial and --publish', 'A release has every platform.')

try {
  const packed = await packRelease(options)
  for (const { file, unpackedSize } of [...packed.platforms, packed.root, ...packed.packages])
    step(`${file} (${(unpackedSize / 1e6).toFixed(1)} MB unpacked)`)
  if (options.publish) {
    const done = await publishRelease({ ...packed, flags: ['--provenance'] })
    for (const { name, published } of done)
      step(`${name}@${packed.version}: ${published ? 'published' : 'was there already'}`)
  }
} catch (error) {
  fail('the release failed', error.message)
}
