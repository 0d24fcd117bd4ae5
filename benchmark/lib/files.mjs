// Files of a folder, beside nginx and @fastify/static.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { contenders, installPlugins, yardstick } from '../contenders.mjs'
import { bytesOf, files as sizes } from '../servers/content.mjs'
import { filesNames } from '../works.mjs'
import { withScript } from './layers.mjs'
import { nginx, nginxVersion } from './nginx.mjs'
import { rows } from './rows.mjs'

const [inline, threads] = filesNames

/** The yardstick of this work. */
export const peer = 'nginx'
const besideNginx = { [inline]: {}, [threads]: {}, [peer]: {} }

// Turns have to be long beside what is still being sent at their end.
const file = (title, name, rows, more) => ({
  title,
  request: { method: 'GET', path: `/${name}`, depth: 1, ...more },
  rows,
  isRight: ({ status, body }) => status === 200 && body.equals(bytesOf(name)),
  yardstick: peer,
})

/** By the work of their samples: what is asked, and by whom it is answered. */
export const filesLoads = {
  'files: 1 KB': {
    ...file('A file of 1 KB', '1kb.bin', { ...besideNginx, [yardstick]: {} }, { connections: 64 }),
    to: yardstick,
  },
  'files: 100 KB': file('A file of 100 KB', '100kb.bin', besideNginx, { connections: 16, turns: 2 }),
  'files: 10 MB': file('A file of 10 MB', '10mb.bin', besideNginx, { connections: 4, turns: 6 }),
}

/** Why it cannot be measured, or undefined. */
export const prepareFiles = async () =>
  nginxVersion() === undefined ? 'nginx is missing (Debian: nginx-light)' : installPlugins()

/** `begin(work)` and `end(work)` frame a load; what comes of a turn is given to `add(name, work, slice, figures)`. */
export async function files(slices, settings, hooks) {
  const folder = mkdtempSync(join(tmpdir(), 'armature-benchmark-'))
  try {
    const site = join(folder, 'site')
    mkdirSync(site)
    for (const name of Object.keys(sizes)) writeFileSync(join(site, name), bytesOf(name))
    const servers = { [peer]: await nginx(folder, site) }
    for (const name of filesNames) {
      const script = name === yardstick ? 'files-fastify.mjs' : 'files-armature.mjs'
      servers[name] = withScript(contenders[name], script, site)
    }
    await rows(filesLoads, servers, slices, settings, hooks)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
