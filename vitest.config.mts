import { defineConfig } from 'vitest/config'

// The tests use the package as its users do: they import '@armature/core', which is the built dist/ (a devDependency on
// this folder). `npm run test:long` sets ARMATURE_TEST_LONG to run the folder that `npm test` leaves out.
const long = process.env.ARMATURE_TEST_LONG === '1'

export default defineConfig({
  test: {
    include: long
      ? ['__test__/long/**/*.test.ts']
      : ['__test__/**/*.test.ts', 'scripts/**/*.test.mjs', 'benchmark/**/*.test.mjs'],
    exclude: ['**/node_modules/**', '__test__/types/**', ...(long ? [] : ['__test__/long/**'])],
    pool: 'forks',
    testTimeout: long ? 600_000 : 30_000,
    hookTimeout: 60_000,
    passWithNoTests: false,
    // The build is loaded by Node itself: it is CommonJS and owns a native addon.
    server: { deps: { external: [/\/dist\/.*\.m?js$/, /\/native\//] } },
  },
})
