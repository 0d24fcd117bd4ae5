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
 * they are measured in every round and in all slices, the others in a third of the slices and, but for those marked
 * `everyRound`, in half of the rounds.
 */
export const works = {
  hello: { title: 'GET /, text', ...user, path: '/' },
  // Held against raw hyper to a few per cent, which takes more than one round.
  fixed: {
    title: 'GET /fixed, a constant answer; given by Armature without JavaScript',
    ...user,
    path: '/fixed',
    everyRound: true,
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
  'user-1': { title: 'GET /users/:id, 1 connection', ...user, connections: 1 },
  'user-512': { title: 'GET /users/:id, 512 connections', ...user, connections: 512 },
}

export const keyWorks = Object.keys(works).filter((name) => works[name].key)

/** Memory of connections and requests, in a process of its own: like a work that is not `key`. */
export const memoryWork = 'memory'

/** What is measured once, when the rounds are over. */
export const onceWorks = ['start', 'micro', 'routing']

export const allWorks = [...Object.keys(works), memoryWork, ...onceWorks]
