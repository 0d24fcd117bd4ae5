// Native layers: what those cost that have nothing to do, and what those save that answer or compress, beside Fastify's plugins.
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { contenders, yardstick } from '../contenders.mjs'
import { page, report } from '../servers/content.mjs'
import { layersNames } from '../works.mjs'
import { rows } from './rows.mjs'

const [inline, threads] = layersNames
const get = { method: 'GET', depth: 1, connections: 64 }
const pipelined = { ...get, depth: 16 }
// A turn has to be long beside what is still being compressed at its end.
const large = { ...get, connections: 8, turns: 4 }

const everybody = { [inline]: {}, [threads]: {}, [yardstick]: {} }

const is = (body, content) => body.toString() === JSON.stringify(content)
const isUser = ({ status, body }) => status === 200 && is(body, { id: '42', name: 'Alice' })
const isRefused = ({ status, headers }) => status === 429 && 'retry-after' in headers
const isPage = ({ status, body }) => status === 200 && is(body, page)
const isHit = (answer) => isPage(answer) && answer.headers['cache-status'] === 'armature; hit'
const isReport =
  (coding, decode) =>
  ({ status, headers, body }) =>
    status === 200 && headers['content-encoding'] === coding && is(decode(body), report)

const without = 'without layers'
const idle = (server, driver) => ({
  title: `GET /users/:id, JSON, with and without ten layers that have nothing to do, ${driver}`,
  request: get,
  rows: {
    [without]: { server, path: '/users/42' },
    'ten layers': { server, path: '/layers/users/42' },
  },
  isRight: isUser,
  yardstick: without,
})

const refused = {
  title: 'A request that is one too many: 429, with @fastify/rate-limit',
  request: { ...get, path: '/limited/', refused: true },
  rows: everybody,
  isRight: isRefused,
  yardstick,
}

const fixed = 'fixed'
const hit = {
  title: `JSON of ${Math.round(JSON.stringify(page).length / 100) / 10} KB: a hit of \`Cache\`, the same as a fixed answer, and Fastify, which makes it anew`,
  request: { ...get, path: '/cached/orders' },
  rows: {
    [inline]: { isRight: isHit },
    [threads]: { isRight: isHit },
    [yardstick]: {},
    [fixed]: { server: threads, path: '/fixed/orders' },
  },
  isRight: isPage,
  yardstick,
  to: fixed,
}

const compressed = (coding, level, decode) => ({
  title: `JSON of ${Math.round(JSON.stringify(report).length / 1000)} KB that is compressed, ${coding} at level ${level}, with @fastify/compress`,
  request: { ...large, path: '/compressed/orders', header: `accept-encoding: ${coding}` },
  rows: everybody,
  isRight: isReport(coding, decode),
  yardstick,
})

/** By the work of their samples: what is asked, by whom it is answered, and who is the yardstick. */
export const layersLoads = {
  'layers: idle': idle(threads, 'IO threads'),
  'layers: idle, inline': idle(inline, "`io: 'inline'`"),
  'layers: refused': refused,
  'layers: refused, pipelined': {
    ...refused,
    title: 'The same, 16 requests pipelined',
    request: { ...refused.request, ...pipelined },
  },
  'layers: hit': hit,
  'layers: hit, pipelined': {
    ...hit,
    title: 'The same, 16 requests pipelined',
    request: { ...hit.request, ...pipelined },
  },
  'layers: gzip': compressed('gzip', 6, gunzipSync),
  'layers: br': compressed('br', 4, brotliDecompressSync),
}

/** The servers of a work, by name. */
export const layersServers = () =>
  Object.fromEntries(
    layersNames.map((name) => {
      const file = name === yardstick ? 'layers-fastify.mjs' : 'layers-armature.mjs'
      return [name, withScript(contenders[name], file)]
    }),
  )

/** `contender` with another script of servers/. */
export function withScript(contender, file, ...args) {
  const [node, flag, script] = contender.command
  return { ...contender, command: [node, flag, script.replace(/[^/]+$/, file), ...args] }
}

export const layers = (slices, settings, hooks) => rows(layersLoads, layersServers(), slices, settings, hooks)
