// What is asked of every contender.

const filler = 'The quick brown fox jumps over the lazy dog. '

/** A JSON document of exactly `size` bytes, with `id` in it. */
export function document(size, id = 'benchmark') {
  const text = (length) => filler.repeat(Math.ceil(length / filler.length)).slice(0, length)
  const empty = JSON.stringify({ id, items: [1, 2, 3], text: '' })
  return JSON.stringify({ id, items: [1, 2, 3], text: text(size - empty.length) })
}

const get = (path) => ({ method: 'GET', path, depth: 1 })

export const works = {
  hello: { title: 'GET /, text', ...get('/') },
  user: { title: 'GET /users/:id, JSON, async handler', ...get('/users/42') },
  echo: {
    title: 'POST /echo, JSON of 500 bytes, parsed and sent back',
    method: 'POST',
    path: '/echo',
    body: document(500),
    depth: 1,
  },
  pipeline: { title: 'GET /users/:id, 16 requests pipelined', ...get('/users/42'), depth: 16 },
}
