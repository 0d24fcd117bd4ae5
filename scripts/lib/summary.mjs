// The end of a test run.
import { green, red } from './log.mjs'

/** One line for each runner and for each test that failed, then `N passed, N failed` alone on the last line. Sets the exit code. */
export function summary(results) {
  console.log()
  let passed = 0
  let failed = 0
  for (const result of results) {
    passed += result.passed
    failed += result.failed
    const mark = result.failed > 0 ? red('failed') : green('ok    ')
    const problem = result.problem ? ` - ${result.problem}` : ''
    console.log(`${mark} ${result.name}: ${result.passed} passed, ${result.failed} failed${problem}`)
    for (const name of result.names ?? []) console.log(`       - ${name}`)
  }
  if (failed > 0 || passed === 0) process.exitCode = 1
  console.log(`\n${passed} passed, ${failed} failed`)
}
