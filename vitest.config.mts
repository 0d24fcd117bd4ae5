import { availableParallelism } from 'node:os'
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config'

// The tests use the package as its users do: they import '@armature/core', which is the built dist/ (a devDependency on
// this folder). `npm run test:long` sets TEST_LONG to run the folder that `npm test` leaves out.
const long = process.env.TEST_LONG === '1'

const packages = 'packages/*/__test__/**/*.test.ts'
const all = ['__test__/**/*.test.ts', packages, 'scripts/**/*.test.mjs', 'benchmark/**/*.test.mjs']
/** What has a server in it: it runs again with IO on the JavaScript thread. */
const both = ['__test__/*.test.ts', packages]
const threadsOnly = '__test__/{cores,pack,reference,inline,watch,workers*}.test.ts'
const none = ['**/node_modules/**', '__test__/types/**', '__test__/long/**']
/** What asserts how soon something happens has the machine for itself, after all others. */
const timed = [
  '__test__/{http2-abuse,shedding,slow-clients,sse,turns}.test.ts',
  'benchmark/lib/timers.test.mjs',
]

const shared = {
  pool: 'forks',
  testTimeout: long ? 600_000 : 30_000,
  hookTimeout: 60_000,
  // The build is loaded by Node itself: it is CommonJS and owns a native addon.
  server: { deps: { external: [/\/dist\/.*\.m?js$/, /\/native\//] } },
} as const

const inline = { env: { ARMATURE_IO: 'inline' } }
const alone = { fileParallelism: false }

const projects: TestProjectInlineConfiguration[] = long
  ? [
      {
        test: { ...shared, name: 'long', include: ['__test__/long/**/*.test.ts'], exclude: none.slice(0, 2) },
      },
    ]
  : [
      { test: { ...shared, name: 'threads', include: all, exclude: [...none, ...timed] } },
      {
        test: {
          ...shared,
          ...inline,
          name: 'inline',
          include: both,
          exclude: [...none, ...timed, threadsOnly],
        },
      },
      { test: { ...shared, ...alone, name: 'threads-alone', include: timed, exclude: none } },
      {
        test: {
          ...shared,
          ...alone,
          ...inline,
          name: 'inline-alone',
          include: timed.slice(0, 1),
          exclude: none,
        },
      },
    ]

export default defineConfig({
  test: {
    passWithNoTests: false,
    // Most tests wait for something most of the time, so two cores are enough for two of them.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects,
  },
})
