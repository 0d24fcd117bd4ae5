// `npm test`: everything that can fail, in one run.
import { args } from './lib/args.mjs'
import { buildNative } from './lib/build-native.mjs'
import { buildTs } from './lib/build-ts.mjs'
import { docExamples } from './lib/doc-examples.mjs'
import { ensureInstalled } from './lib/install.mjs'
import { fail, since, step } from './lib/log.mjs'
import { cargoTests, hasLoomTests, hasTypeTests, loomTests, typeTests, vitest } from './lib/runners.mjs'
import { summary } from './lib/summary.mjs'
import { missingTools } from './lib/tools.mjs'
import { instructionTests, memoryTests } from './lib/valgrind-tests.mjs'

const help = `
npm test

Installs and builds what is stale, then runs the Rust tests, the model checker, vitest, the type tests and the examples
of the documentation. Where valgrind is, the instructions of a request are counted and its use of memory is checked. The
last line is "N passed, N failed"; the exit code is 0 only when nothing failed.
Longer tests: npm run test:long. One vitest file: npx vitest run __test__/<name>.test.ts
`

args(help)
const start = performance.now()
const missing = await missingTools()
if (missing.length > 0) fail('this machine lacks something', ...missing)
await ensureInstalled()

const results = []
async function stage(name, runner) {
  step(name)
  const begin = performance.now()
  results.push(...[await runner()].flat())
  step(`${name}: ${since(begin)}`)
}
const built = (name, build) => async () =>
  (await build()) ? [] : [{ name, passed: 0, failed: 1, problem: 'did not build' }]

await stage('building native/', built('native build', buildNative))
await stage('building dist/', built('TypeScript build', buildTs))
await stage('Rust tests', cargoTests)
if (hasLoomTests()) await stage('model checker (loom)', loomTests)
await stage('vitest', () => vitest('vitest'))
if (hasTypeTests()) await stage('type tests', typeTests)
await stage('documentation examples', docExamples)
await stage('instruction counts', instructionTests)
await stage('memcheck', memoryTests)
step(`all: ${since(start)}`)
summary(results)
