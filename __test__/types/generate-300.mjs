// Writes programs with many routes and times both compilers on them: the types must stay cheap for large applications.
//   node __test__/types/generate-300.mjs            writes to a temporary folder, compiles there, removes it
//   node __test__/types/generate-300.mjs <folder>   only writes
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(fileURLToPath(import.meta.url), '../../..')
const head = `import { App, get, middleware } from '@armature/core'
const auth = middleware<{ user: { name: string } }>(async (_req, next) => next())
`
const lines = (count, line) => Array.from({ length: count }, (_, index) => line(index)).join('\n')

const kinds = [
  (i) => `  .get('/r${i}/:id/x/:b', (req) => req.param('id') + req.param('b') + req.locals.user.name)`,
  (i) => `  .route('/r${i}/:id', get((req) => req.param('id') + req.locals.user.name))`,
  (i) => `  .route('/r${i}/:id', get((req) => req.param('id')).post((req) => req.param('id')))`,
]
const programs = {
  // What a compiler needs for the libraries alone.
  base: `${head}export const app = App.new().wrap(auth).route('/:id', get((req) => req.param('id')))\n`,
  chain300: `${head}export const app = App.new().wrap(auth)
${lines(300, (i) => kinds[i % 3](i))}\n`,
  scopes1000: `${head}export const app = App.new().wrap(auth)
${lines(
  20,
  (s) => `  .scope('/s${s}/:org', (s) => s
${lines(50, (i) => `    .get('/r${i}/:id', (req) => req.param('org') + req.param('id') + req.locals.user.name)`)})`,
)}
  .route('/', get((req) => req.locals.user.name))\n`,
}

/**
 * Writes the programs and a tsconfig for each into `folder`, in which `@armature/core` is installed; `paths` is for
 * folders in which it is not.
 */
export function writePrograms(folder, paths) {
  const options = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: {
      noEmit: true,
      declaration: false,
      rootDir: '/',
      typeRoots: [join(root, 'node_modules/@types')],
      skipLibCheck: true,
      ...(paths ? { paths } : {}),
    },
  }
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(folder, `${name}.ts`), text)
    writeFileSync(
      join(folder, `tsconfig.${name}.json`),
      JSON.stringify({ ...options, include: [], files: [`${name}.ts`] }),
    )
  }
}

export const compilers = ['typescript', 'typescript-7']

/** Compiles one of them: exit code, what the compiler said, and seconds for checking and for all of it. */
export function checkProgram(folder, compiler, name) {
  const tsc = join(root, 'node_modules', compiler, 'bin/tsc')
  const args = [tsc, '-p', join(folder, `tsconfig.${name}.json`), '--extendedDiagnostics']
  const { status, stdout: report } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  const time = (what) => Number(new RegExp(`${what} time: +([\\d.]+)s`).exec(report)?.[1])
  return { status, report, check: time('Check'), total: time('Total') }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = process.argv[2] ?? mkdtempSync(join(tmpdir(), 'armature-types-'))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  writeFileSync(join(folder, 'package.json'), '{ "type": "commonjs" }\n')
  writePrograms(folder, { '@armature/core': [join(root, 'dist/index.d.ts')] })
  if (process.argv[2] === undefined) {
    for (const compiler of compilers) {
      for (const name of Object.keys(programs)) {
        const { status, report, check, total } = checkProgram(folder, compiler, name)
        if (status !== 0) {
          console.error(report.slice(0, 2000))
          process.exitCode = 1
        }
        console.log(`${compiler.padEnd(13)} ${name.padEnd(11)} check ${check}s, total ${total}s`)
      }
    }
    rmSync(folder, { recursive: true })
  }
}
