// A package registry on loopback, for tests: what a user installs comes from one.
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const { runServer } = createRequire(import.meta.url)('verdaccio')

/**
 * Starts an empty registry that asks no other one. Everything it keeps is below `folder`.
 *
 * @param {string} folder
 * @returns {Promise<{ url: string, env: Record<string, string>, close: () => Promise<void> }>}
 *   `env` makes npm use it, and nothing of the user's own settings and cache
 */
export async function startRegistry(folder) {
  mkdirSync(folder, { recursive: true })
  const server = await runServer({
    configPath: join(folder, 'config.yaml'), // Paths are relative to it; it does not exist.
    storage: join(folder, 'storage'),
    auth: { htpasswd: { file: join(folder, 'htpasswd') } },
    uplinks: {},
    packages: { '**': { access: '$all', publish: '$all' } },
    web: { enable: false },
    middlewares: {},
    max_body_size: '100mb',
    log: { type: 'file', path: join(folder, 'log'), level: 'warn', format: 'json' },
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${server.address().port}/`
  const npmrc = join(folder, 'npmrc')
  // npm does not publish without a token; this registry does not look at it.
  writeFileSync(npmrc, `registry=${url}\n//${new URL(url).host}/:_authToken=none\n`)
  return {
    url,
    env: {
      npm_config_userconfig: npmrc,
      npm_config_globalconfig: join(folder, 'no-npmrc'),
      npm_config_registry: url,
      npm_config_cache: join(folder, 'cache'),
      npm_config_update_notifier: 'false',
      npm_config_audit: 'false',
      npm_config_fund: 'false',
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
