// The package as a stranger gets it: packed, installed in an empty folder, type-checked, run and called.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bin, root } from '../scripts/lib/paths.mjs'
import { node, quiet, run } from '../scripts/lib/run.mjs'
import { startServer } from '../scripts/testing/process.mjs'

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'armature-pack-')))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const npm = (args: string[], cwd: string) =>
  quiet('npm', [...args, '--offline', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd })

let files: string[] = []

beforeAll(async () => {
  const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]
  const { code, stdout, stderr } = await run('npm', pack, { stdout: 'pipe', stderr: 'pipe' })
  if (code !== 0) throw new Error(stderr)
  const [packed] = JSON.parse(stdout)
  files = packed.files.map((file: { path: string }) => file.path)
  mkdirSync(join(folder, 'app'))
  writeFileSync(join(folder, 'app/package.json'), '{ "private": true, "type": "module" }\n')
  const installed = await npm(['install', join(folder, packed.filename)], join(folder, 'app'))
  if (installed.code !== 0) throw new Error(installed.output)
}, 120_000)

test('it has the facade, the addon and its loader, the licences, and nothing else', () => {
  expect(files).toEqual(
    expect.arrayContaining(['dist/index.js', 'dist/index.mjs', 'dist/index.d.ts', 'dist/index.d.mts']),
  )
  expect(files).toEqual(
    expect.arrayContaining(['native/binding.cjs', 'native/binding.d.cts', 'LICENSE', 'LICENSE-MIT']),
  )
  expect(files).toContainEqual(expect.stringMatching(/^native\/armature\..*\.node$/))
  const expected = /^(dist|native)\/|^(package\.json|README\.md|CHANGELOG\.md|LICENSE(-MIT|-APACHE)?)$/
  expect(files.filter((file) => !expected.test(file))).toEqual([])
})

test('a TypeScript server compiles against it and runs', async () => {
  const app = join(folder, 'app')
  const options = {
    compilerOptions: {
      ...{
        target: 'ES2023',
        lib: ['ES2023', 'ESNext.Disposable'],
        module: 'node16',
        strict: true,
        outDir: 'out',
      },
      // The types of Node.js are a dependency of the application; these are ours.
      ...{ typeRoots: [join(root, 'node_modules/@types')], types: ['node'] },
    },
    include: ['*.ts'],
  }
  writeFileSync(join(app, 'tsconfig.json'), JSON.stringify(options))
  writeFileSync(
    join(app, 'server.ts'),
    `import { createRequire } from 'node:module'
import { App, type HttpRequest, HttpResponse } from '@armature/core'

const same: boolean = createRequire(import.meta.url)('@armature/core').App === App
const app = App.new()
  .get('/users/:id', async (req) => ({ id: req.param('id'), same }))
  .post('/echo', async (req: HttpRequest) => HttpResponse.json(await req.json()))
const server = await app.run()
console.log(server.url)
`,
  )
  for (const tsc of [bin.tsc, bin.tsc7]) {
    const { code, stdout } = await node([tsc, '-p', app], { stdout: 'pipe' })
    expect(stdout).toBe('')
    expect(code).toBe(0)
  }
  const server = await startServer(['out/server.js'], { cwd: app })
  expect(await (await fetch(`${server.url}/users/a%20b`)).json()).toEqual({ id: 'a b', same: true })
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '[1]' }
  expect(await (await fetch(`${server.url}/echo`, init)).json()).toEqual([1])
  expect(await server.end('SIGTERM')).toBe(0)
}, 120_000)
