// The parts that the commands are made of.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { devLoop } from './lib/dev-loop.mjs'
import { docBlocks } from './lib/doc-blocks.mjs'
import { checkExamples } from './lib/doc-examples.mjs'
import { staleInstall } from './lib/install.mjs'
import { cacheDir, root } from './lib/paths.mjs'
import { writeReexports } from './lib/reexports.mjs'
import { node, quiet, run } from './lib/run.mjs'
import { cargoTally, verdict, vitestTally } from './lib/tally.mjs'
import { atLeast, missingTools, version } from './lib/tools.mjs'
import { tree } from './testing/tree.mjs'

describe('tools', () => {
  test('versions', () => {
    expect(version('cargo 1.95.0 (f2d3ce0bd 2026-03-21)')).toEqual([1, 95, 0])
    expect(version('20.19')).toEqual([20, 19, 0])
    expect(version('none')).toBeUndefined()
    expect(atLeast([20, 19, 0], [20, 19, 0])).toBe(true)
    expect(atLeast([22, 0, 0], [20, 19, 0])).toBe(true)
    expect(atLeast([20, 18, 9], [20, 19, 0])).toBe(false)
  })
  test('what is missing or old is named, with a way to install it', async () => {
    const nothing = { node: '18.20.1', look: async () => ({ code: 127, output: '' }) }
    const messages = await missingTools(nothing)
    expect(messages).toHaveLength(process.platform === 'win32' ? 2 : 3)
    expect(messages[0]).toMatch(/18\.20\.1 is too old.*nodejs\.org/)
    expect(messages[1]).toMatch(/Rust is missing.*rustup\.rs/)
    const old = { look: async (name) => ({ code: 0, output: `${name} 1.60.0` }) }
    expect(await missingTools(old)).toEqual([expect.stringMatching(/Rust 1\.60\.0 is too old/)])
  })
})

describe('install', () => {
  const lock = (packages) => JSON.stringify({ packages })
  const a = { version: '1.0.0', integrity: 'sha512-a' }
  const files = (wanted, installed) => ({
    'package-lock.json': lock({ '': {}, 'packages/x': {}, ...wanted }),
    'node_modules/.package-lock.json': lock(installed),
    'node_modules/a/package.json': '{}',
  })
  test('is fresh when everything is there; packages for other platforms may be absent', () => {
    const wanted = { 'node_modules/a': a, 'node_modules/other-os': { version: '1.0.0', optional: true } }
    expect(staleInstall(tree(files(wanted, { 'node_modules/a': a })))).toBeUndefined()
  })
  test('is stale when node_modules, a package or its folder is missing, or a version differs', () => {
    expect(staleInstall(tree({}))).toMatch('node_modules is missing')
    const b = { 'node_modules/a': a, 'node_modules/b': a }
    expect(staleInstall(tree(files(b, { 'node_modules/a': a })))).toMatch('b is missing')
    expect(staleInstall(tree(files(b, b)))).toMatch('b is missing')
    const newer = { 'node_modules/a': { version: '2.0.0', integrity: 'sha512-b' } }
    expect(staleInstall(tree(files(newer, { 'node_modules/a': a })))).toMatch('another version')
  })
})

describe('tally', () => {
  test('cargo', () => {
    const output = `
running 2 tests
test config::a_name ... ok
test config::another - should panic ... FAILED
test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
test result: FAILED. 3 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
`
    expect(cargoTally(output)).toEqual({ passed: 5, failed: 1, names: ['config::another - should panic'] })
    expect(cargoTally('error: could not compile')).toEqual({ passed: 0, failed: 0, names: [] })
  })
  test('vitest', () => {
    const report = (testResults) => JSON.stringify({ numPassedTests: 4, numFailedTests: 1, testResults })
    const bad = {
      status: 'failed',
      fullName: 'a thing works',
      failureMessages: ['Error: it does not\n at x'],
    }
    const good = { status: 'passed', fullName: 'another', failureMessages: [] }
    const loaded = { name: join(root, 'a.test.ts'), status: 'failed', assertionResults: [bad, good] }
    const broken = { name: join(root, 'b.test.ts'), status: 'failed', assertionResults: [] }
    const names = ['a.test.ts > a thing works: Error: it does not', 'b.test.ts']
    expect(vitestTally(report([loaded]))).toEqual({ passed: 4, failed: 1, names: names.slice(0, 1) })
    expect(vitestTally(report([loaded, broken]))).toEqual({ passed: 4, failed: 2, names })
    expect(vitestTally('')).toEqual({ passed: 0, failed: 0, names: [] })
  })
  test('a runner that crashed or ran nothing has failed', () => {
    expect(verdict('x', 0, { passed: 2, failed: 0 })).toMatchObject({ passed: 2, failed: 0 })
    expect(verdict('x', 1, { passed: 2, failed: 1 })).toMatchObject({ passed: 2, failed: 1 })
    expect(verdict('x', 101, { passed: 2, failed: 0 })).toMatchObject({
      failed: 1,
      problem: 'x ended with code 101',
    })
    expect(verdict('x', 0, { passed: 0, failed: 0 })).toMatchObject({ failed: 1, problem: 'x ran no tests' })
  })
})

describe('run', () => {
  test('gives code and output, and never rejects', async () => {
    const script = 'console.log(1); console.error(2); process.exit(3)'
    expect(await node(['-e', script], { stdout: 'pipe', stderr: 'pipe' })).toEqual({
      code: 3,
      stdout: '1\n',
      stderr: '2\n',
    })
    expect((await quiet('armature-no-such-program', [])).code).toBe(127)
    expect((await quiet('sleep', ['60'], { interrupt: 100 })).code).toBe(130)
    expect((await run(process.execPath, ['-e', 'setTimeout(() => {}, 60000)'], { timeout: 200 })).code).toBe(
      137,
    )
  })
})

describe('re-exports', () => {
  test('import gives what require gives, every name of it', async () => {
    const entry = (name) => ({
      import: { types: `./dist/${name}.d.mts`, default: `./dist/${name}.mjs` },
      require: { types: `./dist/${name}.d.ts`, default: `./dist/${name}.js` },
    })
    const folder = tree({
      'package.json': JSON.stringify({
        exports: { '.': entry('index'), './package.json': './package.json' },
      }),
      'dist/index.js':
        "exports.__esModule = true\nexports.App = class {}\nfor (const n of ['b', 'a']) exports[n] = n\n",
      'check.mjs':
        "import { createRequire } from 'node:module'\nimport { App, a, b } from './dist/index.mjs'\n" +
        "const cjs = createRequire(import.meta.url)('./dist/index.js')\nprocess.exit(cjs.App === App && a + b === 'ab' ? 0 : 1)\n",
    })
    expect(await writeReexports(folder)).toEqual(
      ['index.mjs', 'index.d.mts'].map((name) => join(folder, 'dist', name)),
    )
    expect(readFileSync(join(folder, 'dist/index.d.mts'), 'utf8')).toBe("export * from './index.js'\n")
    expect((await node(['check.mjs'], { cwd: folder })).code).toBe(0)
  })
  test('an entry that does not load is an error', async () => {
    const exports = { '.': { import: { default: './a.mjs' }, require: { default: './a.js' } } }
    const folder = tree({
      'package.json': JSON.stringify({ exports }),
      'a.js': "throw new Error('no addon')",
    })
    await expect(writeReexports(folder)).rejects.toThrow(/a\.js does not load[\s\S]*no addon/)
  })
})

vi.setConfig({ testTimeout: 120_000 })

describe('dev', () => {
  test('goes round at the start and after a change of a source, never twice at a time', async () => {
    const sources = { 'src/deep/a.ts': '', 'crates/b.rs': '' }
    const others = { 'src/node_modules/c.ts': '', 'src/d.txt': '' }
    const folder = tree({ ...sources, ...others })
    const reasons = []
    let running = 0
    let most = 0
    const cycle = async (reason) => {
      reasons.push(reason)
      most = Math.max(most, ++running)
      await new Promise((resolve) => setTimeout(resolve, 20))
      running--
    }
    const stop = devLoop(folder, ['src', 'crates'], cycle, { settle: 10 })
    onTestFinished(stop)
    expect(reasons).toEqual([''])
    for (const source of Object.keys(sources)) {
      // Watching starts some time after the call, so each is written until it is seen.
      for (let n = 0; !reasons.includes(join(source)); n++) {
        for (const file of [...Object.keys(others), source]) writeFileSync(join(folder, file), String(n))
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    }
    expect([...new Set(reasons)]).toEqual(['', ...Object.keys(sources).map((source) => join(source))])
    await stop()
    expect([running, most]).toEqual([0, 1])
  })
})

describe('documentation examples', () => {
  const fence = (info, code) => `\`\`\`${info}\n${code}\n\`\`\`\n`
  test('blocks, their lines, preludes and problems', () => {
    const text = `# Title\n\n${fence('ts', 'const a = 1')}\n${fence('sh', 'npm start')}
<!-- prelude
declare const db: { get(): string }
-->
${fence('ts run', 'db.get()')}\n${fence('ts no-check', 'x')}\n${fence('typescript', 'y')}`
    const { blocks, problems } = docBlocks(text)
    expect(blocks.slice(0, 2)).toMatchObject([
      { line: 3, code: 'const a = 1\n', prelude: '', run: false },
      { line: 14, run: true, prelude: 'declare const db: { get(): string }\n' },
    ])
    expect(problems.map(({ message }) => message)).toEqual([
      expect.stringContaining('ts no-check'),
      expect.stringContaining('instead of `typescript`'),
    ])
  })
  test('each block is compiled, and run when it says so', async () => {
    const folder = tree({
      'README.md': `# A\n${fence('ts', "import { join } from 'node:path'\nexport const a: string = join('a')")}`,
      'docs/b.md': `${fence('ts', '\nconst a: number = "text"')}${fence('ts run', 'process.exit(3)')}${fence('ts run', 'await Promise.resolve()')}`,
    })
    const work = join(cacheDir, 'doc-examples-test')
    onTestFinished(() => rmSync(work, { recursive: true, force: true }))
    mkdirSync(cacheDir, { recursive: true })
    const { passed, failed, failures } = await checkExamples(folder, work)
    expect({ passed, failed }).toEqual({ passed: 2, failed: 2 })
    expect(failures[0]).toMatch(/^docs\/b\.md:3: error TS2322/)
    expect(failures[1]).toMatch(/^docs\/b\.md:5: ended with code 3/)
    expect(existsSync(work)).toBe(true)
  })
})
