// Each guard is silent on a good tree and speaks on a bad one.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { guards } from './guards/index.mjs'
import { root } from './lib/paths.mjs'
import { tree, workspace } from './testing/tree.mjs'

const guard = (name) => guards.find((each) => each.name === name).run
const lines = (count, first = '') => `${first}\n${'let x = 1\n'.repeat(count - 1)}`

// Compilers are started here, on machines that may be busy.
vi.setConfig({ testTimeout: 120_000 })

// The crates of these trees have one line each; they are compiled into a folder of their own.
const before = process.env.CARGO_TARGET_DIR
const target = mkdtempSync(join(tmpdir(), 'armature-guards-'))
beforeAll(() => {
  process.env.CARGO_TARGET_DIR = target
})
afterAll(() => {
  process.env.CARGO_TARGET_DIR = before
  rmSync(target, { recursive: true, force: true })
})

test('every guard has a name of its own and says what to do', () => {
  expect(new Set(guards.map(({ name }) => name)).size).toBe(guards.length)
  for (const { todo } of guards) expect(todo).toMatch(/\S/)
})

describe('sizes', () => {
  const run = guard('sizes')
  test('accepts files within the limits and files that say why they are larger', async () => {
    const why = '// One table of all errors, because a reader looks for a code in one place.'
    const files = {
      'src/a.ts': lines(300),
      'src/b.ts': lines(500, why),
      'src/generated/c.ts': lines(5000),
      'crates/x/src/lib.rs': `${lines(400)}#[cfg(test)]\n${lines(300)}`,
      '__test__/a.test.ts': lines(800),
    }
    expect(await run(tree(files))).toEqual([])
  })
  test('rejects larger ones', async () => {
    const files = {
      'src/a.ts': lines(301),
      'crates/x/src/lib.rs': lines(401),
      '__test__/a.test.ts': lines(801),
    }
    expect(await run(tree(files))).toHaveLength(3)
  })
})

describe('unsafe', () => {
  const run = guard('unsafe')
  const inBridge = (text) => tree({ 'crates/armature-node/src/bridge/lane.rs': text })
  test('accepts blocks and impls with a reason, and the word in comments and strings', async () => {
    const text = `
      // SAFETY: the pointer is ours.
      let a = unsafe { *p };
      // SAFETY: both are alive
      // until the end of the turn.
      let b =
          unsafe { f(p, q) };
      // SAFETY: no field is shared.
      unsafe impl Send for Lane {}
      unsafe extern "C" fn hook(p: *mut u8) {}
      let text = "unsafe { }"; // unsafe { }
      /* unsafe /* nested */ { */ let raw = r#"unsafe { " "#; let c = '"'; let d = '\\'';`
    expect(await run(inBridge(text))).toEqual([])
  })
  test.each([
    ['no comment', 'let a = unsafe { *p };'],
    ['a comment of the statement before', '// SAFETY: it is.\nlet a = 1;\nlet b = unsafe { *p };'],
    ['an impl', 'unsafe impl Send for Lane {}'],
    ['a reason in a string', 'let s = "x";\nlet t = "// SAFETY: no"; \nlet b = unsafe { *p };'],
  ])('rejects a block without a reason: %s', async (_, text) => {
    expect(await run(inBridge(text))).toHaveLength(1)
  })
  test('rejects it elsewhere, reason or not', async () => {
    const text = '// SAFETY: it is.\nlet a = unsafe { *p };'
    for (const file of ['crates/armature-core/src/lib.rs', 'crates/armature-node/src/server.rs']) {
      expect(await run(tree({ [file]: text }))).toEqual([expect.stringContaining(`${file}:2`)])
    }
  })
})

describe('native-import', () => {
  const run = guard('native-import')
  test('accepts src/native.ts and mentions', async () => {
    const files = { 'src/native.ts': "import '#native'\n", 'src/a.ts': "// '#native' is src/native.ts's\n" }
    expect(await run(tree(files))).toEqual([])
  })
  test.each([
    ['src/a.ts', "import { x } from '#native'"],
    ['src/deep/b.ts', "const x = require('#native')"],
    ['packages/ws/src/c.ts', 'await import("#native")'],
    ['__test__/d.test.ts', "import x from '../native/binding.cjs'"],
  ])('rejects %s', async (file, text) => {
    expect(await run(tree({ [file]: text }))).toEqual([expect.stringContaining(`${file}:1`)])
  })
})

describe('napi-names', () => {
  const run = guard('napi-names')
  test('accepts armature-node and mentions', async () => {
    const files = {
      'crates/armature-node/Cargo.toml': '[dependencies]\nnapi.workspace = true\n',
      'crates/armature-node/src/lib.rs': 'use napi::Env;\n',
      'crates/armature-core/Cargo.toml': '[package]\ndescription = "no napi here"\n',
      'crates/armature-core/src/lib.rs': '//! No napi.\n',
    }
    expect(await run(tree(files))).toEqual([])
  })
  test.each([
    ['crates/armature-core/Cargo.toml', '[dependencies]\nnapi.workspace = true\n'],
    ['crates/armature-core/Cargo.toml', '[dependencies]\nnapi-sys = "3"\n'],
    ['crates/armature-core/Cargo.toml', '[dependencies.napi]\nversion = "3"\n'],
    ['crates/armature-core/Cargo.toml', '[dependencies]\nn = { package = "napi", version = "3" }\n'],
    ['crates/armature-core/src/lib.rs', 'use napi_derive::napi;\n'],
  ])('rejects %s: %s', async (file, text) => {
    expect(await run(tree({ [file]: text }))).not.toEqual([])
  })
})

describe('crate-tree', () => {
  const run = guard('crate-tree')
  const on = (crate) => `[dependencies]\n${crate} = { path = "../${crate}" }\n`
  test('accepts crates that stay apart', async () => {
    expect(await run(workspace({ coreManifest: on('tokio') }))).toEqual([])
  })
  test('rejects napi below core, and tokio below bridge', async () => {
    expect(await run(workspace({ coreManifest: on('napi') }))).toEqual([
      expect.stringContaining('depends on napi'),
    ])
    expect(await run(workspace({ bridgeManifest: on('tokio') }))).toEqual([
      expect.stringContaining('depends on tokio'),
    ])
  })
  test('rejects a tree that cargo cannot read', async () => {
    expect(await run(tree({}))).not.toEqual([])
  })
})

describe('cargo', () => {
  test.each([
    ['rustfmt', 'pub  fn f( ) { }\n'],
    ['clippy', '//! Core.\nfn unused() {}\n'],
    ['rustdoc', '//! Core.\npub fn undocumented() {}\n'],
    ['rustdoc', '//! Core, see [`Missing`].\n'],
    ['option-types', '//! Core.\n#[test]\nfn another() {}\n'],
    [
      'option-types',
      '//! Core.\n#[test]\nfn exports_typescript_types() {\n    panic!("src/generated differs");\n}\n',
    ],
  ])('%s rejects %j', async (name, core) => {
    expect(await guard(name)(workspace({ core }))).not.toEqual([])
  })
  test.each(['rustfmt', 'clippy', 'rustdoc', 'option-types'])('%s accepts a good crate', async (name) => {
    const core =
      '//! Core.\n\n/// Answers.\npub fn answer() -> u32 {\n    42\n}\n\n#[test]\nfn exports_typescript_types() {\n    assert_eq!(answer(), 42);\n}\n'
    expect(await guard(name)(workspace({ core }))).toEqual([])
  })
})

describe('JavaScript tools', () => {
  const biome = readFileSync(join(root, 'biome.json'), 'utf8').replace(/^\s*"\$schema".*\n/m, '')
  test('biome rejects other formatting and lints', async () => {
    const run = guard('biome')
    expect(await run(tree({ 'biome.json': biome, 'src/a.ts': "export const a = 'a'\n" }))).toEqual([])
    expect(await run(tree({ 'biome.json': biome, 'src/a.ts': 'export const a = "a";\n' }))).not.toEqual([])
    const lint = 'export function f() {\n  try {\n    return 1\n  } finally {\n    return 2\n  }\n}\n'
    expect(await run(tree({ 'biome.json': biome, 'src/a.ts': lint }))).not.toEqual([])
  })
  test('tsc rejects a type error', async () => {
    const config = JSON.stringify({
      compilerOptions: { strict: true, types: [], lib: ['ES5'], skipLibCheck: true },
      include: ['src'],
    })
    const run = guard('tsc')
    expect(await run(tree({ 'tsconfig.json': config, 'src/a.ts': 'export const a: number = 1\n' }))).toEqual(
      [],
    )
    expect(
      await run(tree({ 'tsconfig.json': config, 'src/a.ts': "export const a: number = 'x'\n" })),
    ).not.toEqual([])
  })
  test('publint rejects a package that does not contain what it names', async () => {
    const pkg = JSON.stringify({
      name: 'x',
      version: '1.0.0',
      type: 'commonjs',
      exports: './index.js',
      files: ['index.js'],
    })
    const run = guard('publint')
    expect(await run(tree({ 'package.json': pkg, 'index.js': "'use strict'\nexports.a = 1\n" }))).toEqual([])
    expect(await run(tree({ 'package.json': pkg }))).not.toEqual([])
  })
})

describe('attw', () => {
  const run = guard('attw')
  const files = {
    'package.json': JSON.stringify({
      name: 'x',
      version: '1.0.0',
      type: 'commonjs',
      exports: {
        '.': { types: './index.d.ts', default: './index.js' },
        './more': { types: './more.d.ts', default: './index.js' },
      },
      main: './index.js',
      typesVersions: { '*': { more: ['./more.d.ts'] } },
      files: ['*.js', '*.ts'],
    }),
    'index.js': "'use strict'\nexports.a = 1\n",
    'index.d.ts': 'export declare const a: number\n',
    'more.d.ts': "export * from './index.js'\n",
  }
  test('accepts types that are those of the code', async () => {
    expect(await run(tree(files))).toEqual([])
  })
  test('rejects types that are missing or say something else, and a folder that is no package', async () => {
    const { 'more.d.ts': _, ...missing } = files
    expect(await run(tree(missing))).not.toEqual([])
    const other = 'declare const a: number\nexport default a\n'
    expect(await run(tree({ ...files, 'index.d.ts': other }))).not.toEqual([])
    expect(await run(tree({}))).not.toEqual([])
  })
})

describe('workflows', () => {
  const run = guard('workflows')
  const expression = (text) => `\${{ ${text} }}`
  const workflow = (job) =>
    tree({ '.github/workflows/a.yml': `on: push\njobs:\n  a:\n${job.replace(/^/gm, '    ')}\n` })
  test('accepts workflows with our runners', async () => {
    const steps = `runs-on: ubuntu-24.04\nsteps:\n  - run: echo ${expression('github.ref')}`
    expect(await run(workflow(steps))).toEqual([])
  })
  test.each([
    ['a runner that nobody has', 'runs-on: ubuntu-24.10\nsteps:\n  - run: echo'],
    ['a misspelt key', 'runs-on: ubuntu-24.04\nstep: []\nsteps:\n  - run: echo'],
    ['an unknown property', `runs-on: ubuntu-24.04\nsteps:\n  - run: echo ${expression('github.reff')}`],
    ['a job that is not there', 'runs-on: ubuntu-24.04\nneeds: b\nsteps:\n  - run: echo'],
  ])('rejects %s', async (_, job) => {
    expect(await run(workflow(job))).toEqual([expect.stringMatching(/^\.github\/workflows\/a\.yml:\d+/)])
  })
})

describe('native-files', () => {
  const run = guard('native-files')
  const git = (folder, ...args) => execFileSync('git', args, { cwd: folder, stdio: 'ignore' })
  const files = { 'native/binding.cjs': 'a\n', 'native/binding.d.cts': 'b\n' }
  test('accepts what is committed, rejects what the build changed', async () => {
    const folder = tree(files)
    git(folder, 'init')
    expect(await run(folder)).not.toEqual([]) // Not committed at all.
    git(folder, 'add', '.')
    expect(await run(folder)).toEqual([])
    writeFileSync(join(folder, 'native/binding.d.cts'), 'export declare function more(): void\n')
    expect(await run(folder)).toEqual([expect.stringContaining('+export declare function more')])
  })
})

describe('documentation', () => {
  const pkg = JSON.stringify({ exports: { '.': { require: { types: './dist/index.d.ts' } } } })
  const index = (rows) => `# Reference\n\n| name | what |\n|---|---|\n${rows}`
  const types = {
    'package.json': pkg,
    'dist/index.d.ts':
      "export { App } from './app.js';\nexport type { Options as RunOptions } from './app.js';\n",
    'dist/app.d.ts':
      '/** An application. */\nexport declare class App {\n    #secret;\n    private hidden;\n    /** Starts. */\n    run(): void;\n}\n/** How it runs. */\nexport interface Options {\n    /** Where. */\n    port?: number;\n}\n',
  }
  const rows =
    '| [`App`](app.md#app) | an application |\n| [`RunOptions`](app.md#apprun-with-runoptions) | its options |\n'
  const pages = {
    'docs/reference/README.md': index(rows),
    'docs/reference/app.md': '# `App`\n\n## `app.run()` with `RunOptions`\n',
  }

  test('reference accepts names that have a row, which leads to a heading with the name', async () => {
    expect(await guard('reference')(tree({ ...types, ...pages }))).toEqual([])
  })
  test.each([
    ['a name without a row', { 'docs/reference/README.md': index(rows.split('\n')[0]) }, 'RunOptions'],
    ['no index', { 'docs/reference/README.md': '# Reference\n' }, 'App'],
    ['a heading that is not there', { 'docs/reference/app.md': '# `App`\n' }, 'leads to app.md#apprun'],
    [
      'a heading in a code block',
      { 'docs/reference/app.md': '# `App`\n\n```md\n## `app.run()` with `RunOptions`\n```\n' },
      'leads to app.md#apprun',
    ],
    [
      'a heading about something else',
      { 'docs/reference/README.md': index(rows.replace('apprun-with-runoptions', 'app')) },
      'does not name it',
    ],
    [
      'a row about a name that is gone',
      { 'docs/reference/README.md': index(`${rows}| [\`Gone\`](app.md#app) | was |\n`) },
      'Gone is not exported',
    ],
    ['no build', { 'dist/index.d.ts': undefined }, 'is not there'],
  ])('reference rejects %s', async (_, files, problem) => {
    const all = Object.entries({ ...types, ...pages, ...files }).filter(([, text]) => text !== undefined)
    expect((await guard('reference')(tree(Object.fromEntries(all)))).join('\n')).toContain(problem)
  })

  test('tsdoc accepts names and members with comments; private ones need none', async () => {
    expect(await guard('tsdoc')(tree(types))).toEqual([])
  })
  test.each([
    ['/** How it runs. */', 'RunOptions has no doc comment'],
    ['/** Where. */', 'RunOptions.port has no doc comment'],
    ['/** Starts. */', 'App.run has no doc comment'],
  ])('tsdoc rejects a tree without %s', async (comment, problem) => {
    const without = { ...types, 'dist/app.d.ts': types['dist/app.d.ts'].replace(comment, '') }
    expect(await guard('tsdoc')(tree(without))).toEqual([problem])
  })

  test('links accepts what leads somewhere, and what is no link', async () => {
    const files = {
      'README.md':
        '# A: *first* `look`\n[a](#a-first-look) [b](docs/b.md#twice-1 "title") [c](docs) [d](https://x.org/#y) ![e](docs/e.svg)\n[f]: docs/b.md\n`[g](g.md)` <a href="docs/b.md#here">h</a>\n```md\n[i](i.md)\n```\n',
      'docs/b.md': '# Twice\n## Twice\n<a id="here"></a>\n[up](../README.md)\n',
      'docs/e.svg': '<svg/>\n',
    }
    expect(await guard('links')(tree(files))).toEqual([])
  })
  test.each([
    ['a missing file', '[a](b.md)', 'there is no such file'],
    ['a missing anchor', '[a](#b)', 'no heading has this anchor'],
    ['a missing anchor of another file', '[a](docs/c.md#d)', 'no heading has this anchor'],
    ['a missing picture', '![a](b.svg)', 'there is no such file'],
    ['a link with code for text', '[`a`](b.md)', 'there is no such file'],
    ['a reference', '[a][b]\n\n[b]: c.md', 'there is no such file'],
    ['a path from the root', '[a](/docs/c.md)', 'write it relative'],
    ['a path out of the tree', '[a](../c.md)', 'leaves the repository'],
  ])('links rejects %s', async (_, text, problem) => {
    const folder = tree({ 'README.md': `# R\n\n${text}\n`, 'docs/c.md': '# C\n' })
    expect(await guard('links')(folder)).toEqual([expect.stringMatching(`^README.md:\\d+: .*${problem}`)])
  })
})
