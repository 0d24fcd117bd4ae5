// What is asked of every contender.

const filler = 'The quick brown fox jumps over the lazy dog. '

/** A JSON document of exactly `size` bytes, with `id` in it. */
export function document(size, id = 'benchmark') {
  const text = (length) => filler.repeat(Math.ceil(length / filler.length)).slice(0, length)
  const empty = JSON.stringify({ id, items: [1, 2, 3], text: '' })
  return JSON.stringify({ id, items: [1, 2, 3], text: text(size - empty.length) })
}

const user = { method: 'GET', path: '/users/42', depth: 1, connections: 64 }
const echo = { method: 'POST', path: '/echo', body: document(500), depth: 1, connections: 64 }

/**
 * Load, by name: `depth` requests in flight on each of `connections`. Those marked `key` are what a ratio is quoted from:
 * they are measured in every round and in all slices. The others have half of the slices and, but for those marked `everyRound`,
 * a third of the rounds. With `only`, others have no part in it.
 */
export const works = {
  hello: { title: 'GET /, text', ...user, path: '/' },
  // Held against raw hyper to a few per cent, so in every round. A handler of the others answers it like `hello`.
  fixed: {
    title: 'GET /fixed, a constant answer; given by Armature without JavaScript',
    ...user,
    path: '/fixed',
    everyRound: true,
    only: [
      'armature-inline-sync',
      'armature-inline-async',
      'armature-sync',
      'armature-async',
      'fastify',
      'uws',
      'hyper',
    ],
  },
  user: { title: 'GET /users/:id, JSON', short: 'GET', ...user, key: true },
  echo: {
    title: 'POST /echo, JSON of 500 bytes, parsed and sent back',
    short: 'POST',
    ...echo,
    key: true,
  },
  'user-pipelined': {
    title: 'GET /users/:id, 16 requests pipelined',
    short: 'GET, pipelined',
    ...user,
    depth: 16,
    key: true,
  },
  'echo-pipelined': { title: 'POST /echo, 16 requests pipelined', ...echo, depth: 16 },
  'user-connect': { title: 'GET /users/:id, a new connection for each request', ...user, close: true },
  // Its latency is held against Fastify's, and is less than a tenth of a millisecond.
  'user-1': { title: 'GET /users/:id, 1 connection', ...user, connections: 1, everyRound: true },
  'user-512': { title: 'GET /users/:id, 512 connections', ...user, connections: 512 },
}

/**
 * For {@link driversWork} alone: what a handler computes is the same for everybody, and would hide what a server costs. Most
 * of it is the same number of multiplications everywhere, about 50 microseconds.
 */
const compute = {
  title: 'GET /compute/:id, about 50 us of JavaScript',
  short: 'GET that computes',
  ...user,
  path: '/compute/42',
}

/** All that wrk is sent out with. */
export const loads = { ...works, compute }

export const keyWorks = Object.keys(works).filter((name) => works[name].key)

/** Memory of connections and requests, in a process of its own: like a work that is not `key`. */
export const memoryWork = 'memory'

/** Timers and other I/O of the process under load, in a process of its own too. */
export const timersWork = 'timers'
/** The load of each of its parts, by the name that its samples have. */
export const timersLoads = { timers: 'user', 'timers-pipelined': 'user-pipelined' }
/** Whom it is about: one of each way to read a socket on the JavaScript thread or beside it. */
export const timersNames = ['armature-inline-async', 'armature-async', 'fastify', 'node-http', 'uws']

/** IO on the JavaScript thread against IO on threads: what `io: 'auto'` is decided by. */
export const driversWork = 'drivers'
export const driversLoads = ['user', 'echo', 'user-pipelined', 'compute']
export const driversNames = ['armature-inline-async', 'armature-async']

/** Several JavaScript threads on one server against a cluster of processes. */
export const workersWork = 'workers'
export const workersLoads = ['user', 'echo']
/** Whose servers they are made of. */
export const workersNames = ['armature-async', 'fastify']

/** WebSocket, beside `ws`, which has a server of its own. */
export const websocketWork = 'websocket'
/** Who else takes part. */
export const websocketNames = ['armature-inline-async', 'armature-async', 'uws']

/** HTTP/2, TLS, HTTP/3. */
export const protocolsWork = 'protocols'
/** Whose servers they are made of. */
export const protocolsNames = ['armature-inline-async', 'armature-async', 'fastify', 'node-http', 'hyper']

/** Native layers, and files. */
export const layersWork = 'layers'
export const filesWork = 'files'
/** Whose servers they are made of. */
export const layersNames = ['armature-inline-async', 'armature-async', 'fastify']
export const filesNames = layersNames

/** What is measured in every round that has it, in processes of its own. */
export const apartWorks = [
  memoryWork,
  timersWork,
  driversWork,
  workersWork,
  websocketWork,
  protocolsWork,
  layersWork,
  filesWork,
]

/** Those of `names` that any of the works `asked` for is about. */
export function takers(names, asked) {
  const apart = {
    [timersWork]: timersNames,
    [driversWork]: driversNames,
    [workersWork]: workersNames,
    [websocketWork]: websocketNames,
    [protocolsWork]: protocolsNames,
    [layersWork]: layersNames,
    [filesWork]: filesNames,
  }
  const only = (work) => apart[work] ?? loads[work]?.only
  const served = asked.filter((work) => !onceWorks.includes(work))
  return names.filter((name) => served.some((work) => only(work)?.includes(name) ?? true))
}

/** What is measured once, when the rounds are over. */
export const onceWorks = ['start', 'micro', 'routing']

export const allWorks = [...Object.keys(works), ...apartWorks, ...onceWorks]

/** What more there is to measure, which takes other programs or long: asked for by name, or as `all`; each in its own processes. */
const furtherWorks = [...apartWorks, ...onceWorks]

/** What is measured when nobody says what: short, so that there is time for the builds that come before it. */
export const defaultWorks = allWorks.filter((name) => !furtherWorks.includes(name))
