// Requests for the same thing wait for the first of them, within bounds.

import { expect, test } from 'vitest'
import type { RawReply } from '../helper.js'
import { RawClient, until } from '../helper.js'
import { ask, type Cached, gate, serve } from './support.js'

const STORED = { headers: { 'cache-control': 'max-age=60' } }
const MANY = 20

/** Sends `count` requests of which the first is with the handler, which waits for what is returned. */
async function crowd({ t, origin }: Cached, count = MANY, path = '/') {
  const first = gate()
  origin.gates.push(first.promise)
  const replies: Promise<RawReply>[] = [ask(t, path)]
  await until(() => origin.seen.length === 1, 'the first request')
  for (let n = 1; n < count; n++) replies.push(ask(t, path))
  await until(() => t.server.stats().inFlight === count, 'all requests')
  return { open: first.open, replies: Promise.all(replies) }
}

test('one request goes to the handler, over all loops', async () => {
  await using cached = await serve()
  cached.origin.script.push(STORED)
  const { open, replies } = await crowd(cached)
  expect(cached.origin.seen).toHaveLength(1)
  open()
  const all = await replies
  expect(all.map((reply) => reply.body)).toEqual(Array(MANY).fill('1'))
  const notes = all.map((reply) => reply.headers['cache-status'])
  expect(notes.filter((note) => note === 'armature; fwd=uri-miss; collapsed')).toHaveLength(MANY - 1)
  expect(cached.t.server.stats().cache).toMatchObject({ misses: 1, collapsed: MANY - 1, stored: 1 })
})

test('an answer that is for one alone has the others go on all at once, and nobody waits the next time', async () => {
  await using cached = await serve()
  const { t, origin } = cached
  const { open, replies } = await crowd(cached)
  const rest = gate()
  for (let n = 1; n < MANY; n++) origin.gates.push(rest.promise)
  open()
  // If they went one after the other, the second would be with the handler alone for ever.
  await until(() => origin.seen.length === MANY, 'the others')
  rest.open()
  expect(new Set((await replies).map((reply) => reply.body)).size).toBe(MANY)
  const last = gate()
  origin.gates.push(last.promise, last.promise)
  const again = [ask(t, '/'), ask(t, '/')]
  await until(() => origin.seen.length === MANY + 2, 'both requests')
  last.open()
  await Promise.all(again)
})

test('the others go on when the first one fails', async () => {
  await using cached = await serve()
  const { origin } = cached
  origin.script.push({ status: 503 }, ...Array(MANY).fill(STORED))
  const { open, replies } = await crowd(cached, 5)
  open()
  expect((await replies).map((reply) => reply.status)).toEqual([503, 200, 200, 200, 200])
})

test('another one takes the lead when the client of the first leaves', async () => {
  await using cached = await serve()
  const { t, origin } = cached
  const first = gate()
  origin.gates.push(first.promise)
  origin.script.push(STORED, STORED)
  await using leaving = await RawClient.to(t.server.port)
  leaving.send('GET / HTTP/1.1\r\nhost: example.com\r\n\r\n')
  await until(() => origin.seen.length === 1, 'the first request')
  const others = [ask(t, '/'), ask(t, '/'), ask(t, '/')]
  await until(() => t.server.stats().inFlight === 4, 'all requests')
  leaving.socket.resetAndDestroy()
  expect((await Promise.all(others)).map((reply) => reply.body)).toEqual(['2', '2', '2'])
  first.open()
})

test('nobody waits longer than maxWait', async () => {
  await using cached = await serve({ maxWait: '20ms' })
  const rest = gate()
  const gathering = crowd(cached, 3)
  cached.origin.gates.push(rest.promise, rest.promise)
  const { open, replies } = await gathering
  await until(() => cached.origin.seen.length === 3, 'those who waited')
  rest.open()
  open()
  expect((await replies).map((reply) => reply.body).sort()).toEqual(['1', '2', '3'])
})

test('no more wait than maxWaiting', async () => {
  await using cached = await serve({ maxWaiting: 2 })
  cached.origin.script.push(STORED)
  const rest = gate()
  const gathering = crowd(cached, 5)
  cached.origin.gates.push(rest.promise, rest.promise)
  const { open, replies } = await gathering
  await until(() => cached.origin.seen.length === 3, 'those who found no place')
  rest.open()
  open()
  expect((await replies).map((reply) => reply.body).sort()).toEqual(['1', '1', '1', '2', '3'])
})

test('variants do not wait for each other once they are known', async () => {
  await using cached = await serve()
  const { t, origin } = cached
  const vary = { headers: { 'cache-control': 'max-age=60', vary: 'accept' } }
  origin.script.push(vary, vary, vary)
  await ask(t, '/', { accept: 'a' })
  const [b, c] = [gate(), gate()]
  origin.gates.push(b.promise, c.promise)
  const waiting = ask(t, '/', { accept: 'b' })
  await until(() => origin.seen.length === 2, 'the second variant')
  const other = ask(t, '/', { accept: 'c' })
  await until(() => origin.seen.length === 3, 'the third variant')
  b.open()
  c.open()
  expect([(await waiting).body, (await other).body]).toEqual(['2', '3'])
})

test('a stale answer is validated once', async () => {
  await using cached = await serve()
  const { t, origin } = cached
  origin.script.push(
    { headers: { 'cache-control': 'max-age=10', age: '20', etag: '"a"' } },
    { status: 304, headers: { 'cache-control': 'max-age=60' } },
  )
  await ask(t, '/')
  origin.seen.length = 0
  const { open, replies } = await crowd(cached, 5)
  open()
  expect((await replies).map((reply) => reply.body)).toEqual(Array(5).fill('1'))
  expect(origin.seen).toHaveLength(1)
})

test('who has credentials, or wants a new answer, does not wait', async () => {
  await using cached = await serve()
  const { t, origin } = cached
  const all = gate()
  origin.gates.push(...Array(4).fill(all.promise))
  const replies = [
    ask(t, '/'),
    ask(t, '/', { cookie: 'a=1' }),
    ask(t, '/', { authorization: 'a' }),
    ask(t, '/', { 'cache-control': 'no-cache' }),
  ]
  await until(() => origin.seen.length === 4, 'all requests')
  all.open()
  await Promise.all(replies)
})

test('nobody waits at all when the options say so', async () => {
  await using cached = await serve({ coalesce: false })
  const { t, origin } = cached
  const all = gate()
  origin.gates.push(all.promise, all.promise)
  const replies = [ask(t, '/'), ask(t, '/')]
  await until(() => origin.seen.length === 2, 'both requests')
  all.open()
  await Promise.all(replies)
})
