// What the test runners say, as numbers and names.
import { relative } from 'node:path'
import { root } from './paths.mjs'

/** Sums the `test result:` lines of `cargo test`: one for each test binary and one for the doc tests of a crate. */
export function cargoTally(output) {
  const names = [...output.matchAll(/^test (.+) \.\.\. FAILED$/gm)].map(([, name]) => name)
  const tally = { passed: 0, failed: 0, names }
  for (const [, passed, failed] of output.matchAll(/^test result: \w+\. (\d+) passed; (\d+) failed;/gm)) {
    tally.passed += Number(passed)
    tally.failed += Number(failed)
  }
  return tally
}

/** Reads the text that vitest's json reporter writes. A file that could not be loaded counts as one failed test. */
export function vitestTally(text) {
  let report
  try {
    report = JSON.parse(text)
  } catch {
    return { passed: 0, failed: 0, names: [] }
  }
  const broken = report.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  )
  const failed = report.testResults.flatMap((file) =>
    file.assertionResults
      .filter((test) => test.status === 'failed')
      .map((test) => {
        const why = test.failureMessages[0]?.split('\n')[0] ?? ''
        return `${relative(root, file.name)} > ${test.fullName}: ${why}`
      }),
  )
  const names = [...failed, ...broken.map((file) => relative(root, file.name))]
  return { passed: report.numPassedTests, failed: report.numFailedTests + broken.length, names }
}

/**
 * The verdict on one runner. One that ended badly without naming a failed test crashed, and one that ran nothing proves
 * nothing: both count as one failure.
 */
export function verdict(name, code, { passed, failed, names = [] }) {
  if (code !== 0 && failed === 0)
    return { name, passed, failed: 1, problem: `${name} ended with code ${code}` }
  if (passed + failed === 0) return { name, passed, failed: 1, problem: `${name} ran no tests` }
  return { name, passed, failed, names }
}
