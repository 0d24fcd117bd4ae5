// Who is compared. Fastify is the yardstick: every figure is also given as a multiple of its figure in the same run.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../scripts/lib/paths.mjs'
import { startContender } from './lib/child.mjs'
import { buildCrate, programOf } from './lib/crates.mjs'
import { nginxVersion } from './lib/nginx.mjs'
import { installed, installPackages } from './lib/packages.mjs'

export const yardstick = 'fastify'

/** Raw hyper: what an HTTP engine costs without a framework and without JavaScript. */
export const engine = 'hyper'

const here = join(root, 'benchmark')
const script = (file, ...args) => [process.execPath, '--expose-gc', join(here, 'servers', file), ...args]
const peer = (file, name) => ({
  version: () => installed(`node_modules/${name}`),
  command: script(file),
  javascript: true,
})
const armature = (env, ...args) => ({
  version: () => installed('.'),
  command: script('armature.mjs', ...args),
  javascript: true,
  env,
})

const uws = 'benchmark/uws/node_modules/uwebsockets'

/** uWebSockets.js is not in the project's own dependencies: the package has 250 MB of binaries for all platforms. */
async function installUws() {
  const missing = await installPackages('benchmark/uws')
  if (missing) return missing
  return starts('uws', () => 'uWebSockets.js has no binary that runs here')
}

/** Why the contender does not start, or undefined; `reason` makes a sentence of what it wrote. */
async function starts(name, reason) {
  try {
    const server = await startContender(contenders[name], { quiet: true })
    await server.stop()
    return undefined
  } catch (error) {
    return reason(error.message)
  }
}

/** Of the inline driver: `io: 'inline'` may be missing in this build. */
const inlineIsThere = (name) => () =>
  starts(name, (message) =>
    message.includes('ARMATURE_NOT_AVAILABLE') ? "io: 'inline' is not available in this build" : message,
  )

/**
 * By name: `{ version(), command, env?, javascript, turns?, cannot?, prepare? }`. `turns` is how many its own has the length of, `prepare` resolves to why it cannot take part,
 * `cannot` has the reasons by work. Tables and charts have this order.
 */
export const contenders = {
  'armature-inline-sync': {
    ...armature({ ARMATURE_IO: 'inline' }, '--sync'),
    prepare: inlineIsThere('armature-inline-sync'),
  },
  'armature-inline-async': {
    ...armature({ ARMATURE_IO: 'inline' }),
    prepare: inlineIsThere('armature-inline-async'),
  },
  'armature-sync': armature({}, '--sync'),
  'armature-async': armature({}),
  fastify: peer('fastify.mjs', 'fastify'),
  'node-http': { version: () => process.versions.node, command: script('node-http.mjs'), javascript: true },
  hono: {
    ...peer('hono.mjs', 'hono'),
    version: () =>
      `${installed('node_modules/hono')} on @hono/node-server ${installed('node_modules/@hono/node-server')}`,
  },
  // It answers so few requests that a turn has to be longer: one collection of garbage would be a tenth of it.
  express: { ...peer('express.mjs', 'express'), turns: 3 },
  uws: {
    version: () => `(npm uwebsockets ${installed(uws)})`,
    command: script('uws.mjs'),
    javascript: true,
    cannot: {
      'user-connect': 'it closes a connection on request without saying so, which wrk takes for an error',
    },
    prepare: installUws,
  },
  hyper: {
    version: () =>
      /name = "hyper"\nversion = "([^"]+)"/.exec(readFileSync(join(here, 'hyper/Cargo.lock'), 'utf8'))?.[1],
    command: [programOf(engine)],
    javascript: false,
    prepare: () => buildCrate(engine),
  },
}

const plugins = ['@fastify/compress', '@fastify/rate-limit', '@fastify/static']

/** What Fastify needs for native layers and files; resolves to why it is not there, or undefined. */
export const installPlugins = () => installPackages('benchmark/plugins')

/** Versions by contender, and of what single works have beside them. */
export const versions = () => ({
  ...Object.fromEntries(Object.entries(contenders).map(([name, { version }]) => [name, version()])),
  ...Object.fromEntries(plugins.map((name) => [name, installed(`benchmark/plugins/node_modules/${name}`)])),
  nginx: nginxVersion(),
})
