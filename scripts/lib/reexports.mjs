// dist/index.mjs and dist/index.d.mts: `import` gets the very classes that `require` gets. There is one build, CommonJS;
// the ES module only names what it exports.
import { readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { node } from './run.mjs'

const names = (file) => `process.stdout.write(JSON.stringify(Object.keys(require(${JSON.stringify(file)}))))`

/** The CommonJS files that package.json's `exports` also offers to `import`: `['./dist/index.js', …]`. */
export function entries(folder) {
  const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return Object.values(exports)
    .filter((entry) => entry.import && entry.require)
    .map((entry) => entry.require.default)
}

/** The text of the ES module that re-exports `names` of the CommonJS file `./name`. */
export function moduleText(name, names) {
  const lines = names.filter((each) => each !== 'default' && each !== '__esModule').sort()
  const list = lines.map((each) => `  ${each},\n`).join('')
  return `import cjs from './${name}'\n\nexport const {\n${list}} = cjs\n`
}

/** Writes the re-exports of every entry below `folder`. Loads each in a process of its own: that enumerates what is really there. */
export async function writeReexports(folder) {
  const written = []
  for (const entry of entries(folder)) {
    const file = join(folder, entry)
    const { code, stdout, stderr } = await node(['-e', names(file)], {
      cwd: folder,
      stdout: 'pipe',
      stderr: 'pipe',
    })
    if (code !== 0) throw new Error(`${entry} does not load:\n${stderr}`)
    const stem = file.replace(/\.js$/, '')
    writeFileSync(`${stem}.mjs`, moduleText(basename(file), JSON.parse(stdout)))
    writeFileSync(`${stem}.d.mts`, `export * from './${basename(file)}'\n`)
    written.push(`${stem}.mjs`, `${stem}.d.mts`)
  }
  return written
}
