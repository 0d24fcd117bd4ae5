import { defineConfig } from 'vitest/config'

// The tests use the package as its users do: they import '@armature/core', which is the built dist/ (a devDependency on
// this folder). `npm run test:long` sets TEST_LONG to run the folder that `npm test` leaves out.
const long = process.env.TEST_LONG === '1'

const packages = 'packages/*/__test__/**/*.test.ts'
const all = ['__test__/**/*.test.ts', packages, 'scripts/**/*.test.mjs', 'benchmark/**/*.test.mjs']
const none = ['**/node_modules/**', '__test__/types/**']
const shared = {
  pool: 'forks',
  testTimeout: long ? 600_000 : 30_000,
  hookTimeout: 60_000,
  // The build is loaded by Node itself: it is CommonJS and owns a native addon.
  server: { deps: { external: [/\/dist\/.*\.m?js$/, /\/native\//] } },
} as const

export default defineConfig({
  test: {
    passWithNoTests: false,
    projects: long
      ? [{ test: { ...shared, name: 'long', include: ['__test__/long/**/*.test.ts'], exclude: none } }]
      : [
          { test: { ...shared, name: 'threads', include: all, exclude: [...none, '__test__/long/**'] } },
          // The same again with IO on the JavaScript thread: what has a server in it.
          {
            test: {
              ...shared,
              name: 'inline',
              include: ['__test__/*.test.ts', packages],
              exclude: [...none, '__test__/{cores,pack,reference,inline,watch,workers*}.test.ts'],
              env: { ARMATURE_IO: 'inline' },
            },
          },
        ],
  },
})
