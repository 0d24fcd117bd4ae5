// What `npm test` and `npm run test:long` run under valgrind. Each resolves to results as those of runners.mjs.
import { buildDriver, countAll, judge, scenarios, valgrindMissing } from './instructions.mjs'
import { quiet } from './run.mjs'

/** The results where something is missing: that is a reason to skip, but not in CI. */
export const without = (name, missing, ci = process.env.CI) =>
  ci
    ? [{ name, passed: 0, failed: 1, problem: missing }]
    : [{ name, passed: 0, failed: 0, problem: `skipped: ${missing}` }]

/** `work` with the driver's path. */
async function withDriver(name, work) {
  const missing = await valgrindMissing()
  if (missing) return without(name, missing)
  const driver = await buildDriver()
  if (driver === undefined) return [{ name, passed: 0, failed: 1, problem: 'did not build' }]
  try {
    return await work(driver)
  } catch (error) {
    // The driver did not survive its scenario.
    return [{ name, passed: 0, failed: 1, problem: error.message }]
  }
}

/** Whether a request costs what it is known to cost: each scenario is one test. */
export const instructionTests = () =>
  withDriver('instruction counts', async (driver) => {
    const problems = await judge(await countAll(driver, scenarios))
    const failed = scenarios.filter((name) => problems.some((problem) => problem.startsWith(`${name}:`)))
    return result('instruction counts', failed, problems)
  })

/** Memory that is read before it is written, used after it was freed, or lost: each scenario is one test. */
export const memoryTests = () =>
  withDriver('memcheck', async (driver) => {
    const failed = []
    for (const name of scenarios) {
      const { code, output } = await quiet('valgrind', [
        ...['--quiet', '--error-exitcode=9'],
        ...['--leak-check=full', '--show-leak-kinds=definite', '--errors-for-leak-kinds=definite'],
        ...[driver, name, '64'],
      ])
      if (code === 0) continue
      failed.push(name)
      console.log(output)
    }
    return result('memcheck', failed, failed.length > 0 ? ['valgrind has something to say, see above'] : [])
  })

function result(name, failed, problems) {
  const passed = scenarios.length - failed.length
  return [{ name, passed, failed: failed.length, problem: problems.join('\n         ') || undefined }]
}
