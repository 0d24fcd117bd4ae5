// `npm run test:long`: what takes longer than a developer waits for.
import { args } from './lib/args.mjs'
import { buildNative } from './lib/build-native.mjs'
import { buildTs } from './lib/build-ts.mjs'
import { ensureInstalled } from './lib/install.mjs'
import { fail, step } from './lib/log.mjs'
import { fuzzTests, hasLongTests, hasLoomTests, loomTests, vitest } from './lib/runners.mjs'
import { summary } from './lib/summary.mjs'
import { missingTools } from './lib/tools.mjs'
import { memoryTests } from './lib/valgrind-tests.mjs'

const help = `
npm run test:long

The soak and load tests of __test__/long, the fuzzers, memcheck, and the model checker with larger bounds.
  ARMATURE_FUZZ_SECONDS  time for each fuzzer (here 60)
  LOOM_MAX_PREEMPTIONS   thread switches that loom explores at most in one run (here 4)
`

args(help)
const missing = await missingTools()
if (missing.length > 0) fail('this machine lacks something', ...missing)
await ensureInstalled()
step('building')
if (!(await buildNative()) || !(await buildTs())) fail('the build failed', 'The messages are above.')

const results = []
if (hasLoomTests()) {
  step('model checker (loom), larger bounds')
  results.push(await loomTests({ LOOM_MAX_PREEMPTIONS: process.env.LOOM_MAX_PREEMPTIONS ?? '4' }))
}
step('memcheck')
results.push(...(await memoryTests()))
step('fuzzers')
results.push(...(await fuzzTests(Number(process.env.ARMATURE_FUZZ_SECONDS ?? 60))))
if (hasLongTests()) {
  step('__test__/long')
  results.push(await vitest('vitest, long', [], { TEST_LONG: '1' }))
}
summary(results)
