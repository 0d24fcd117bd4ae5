import { App, fixed, HttpResponse, type Middleware } from '@armature/core'
import { testServer } from '@armature/core/testing'
import { expect, test } from 'vitest'
import { RawClient } from './helper.js'

const native = () =>
  fixed(
    HttpResponse.text('native')
      .header('cache-control', 'max-age=60')
      .header('x-powered-by', 'rust')
      .append('vary', 'accept')
      .append('vary', 'origin'),
  )

/** The header lines of the answer to `/`, sorted, without those of the connection. */
async function lines(middleware: Middleware): Promise<string[]> {
  await using t = await testServer(App.new().wrap(middleware).get('/', native()))
  await using client = await RawClient.to(t.server.port)
  const head = new Promise<string>((resolve) => client.socket.once('data', (data) => resolve(String(data))))
  client.send('GET / HTTP/1.1\r\nhost: t\r\n\r\n')
  const [, ...fields] = (await head).split('\r\n\r\n')[0]?.toLowerCase().split('\r\n') ?? []
  return fields.filter((line) => !/^(date|content-length|connection):/.test(line)).sort()
}

const untouched = [
  'cache-control: max-age=60',
  'content-type: text/plain; charset=utf-8',
  'vary: accept',
  'vary: origin',
  'x-powered-by: rust',
]
const without = (name: string) => untouched.filter((line) => !line.startsWith(`${name}:`))

test.each<[string, (res: HttpResponse) => unknown, string[]]>([
  ['nothing', () => {}, untouched],
  [
    'header() replaces every line',
    (res) => res.header('Vary', '*').header('cache-control', 'no-store'),
    ['cache-control: no-store', ...without('vary').slice(1), 'vary: *'],
  ],
  ['append() adds', (res) => res.append('vary', 'cookie'), [...untouched, 'vary: cookie']],
  [
    'header() and append() together',
    (res) => res.header('vary', 'a').append('vary', 'b'),
    [...without('vary'), 'vary: a', 'vary: b'],
  ],
  ['type() replaces', (res) => res.type('text/css'), [...without('content-type'), 'content-type: text/css']],
  [
    'a second content type replaces',
    (res) => res.append('content-type', 'text/css'),
    [...without('content-type'), 'content-type: text/css'],
  ],
  [
    'a cookie is added',
    (res) => res.cookie('a', '1', { sameSite: 'strict' }),
    [...untouched, 'set-cookie: a=1; path=/; httponly; samesite=strict'],
  ],
  ['delete() removes', (res) => res.headers.delete('X-Powered-By'), without('x-powered-by')],
  ['delete() removes the type', (res) => res.headers.delete('content-type'), without('content-type')],
  [
    'delete() before append()',
    (res) => {
      res.headers.delete('vary')
      res.append('vary', 'cookie')
    },
    [...without('vary'), 'vary: cookie'],
  ],
  ['delete() after header()', (res) => res.header('x-a', '1').headers.delete('x-a'), untouched],
])('middleware around a native handler: %s', async (_, change, expected) => {
  const changed: Middleware = async (_req, next) => {
    const res = await next()
    change(res)
    return res
  }
  expect(await lines(changed)).toEqual([...expected].sort())
})

test('what was set here can be read back, what the native handler will set cannot', async () => {
  const seen: unknown[] = []
  await lines(async (_req, next) => {
    const res = await next()
    seen.push(res.headers.has('x-powered-by'), res.headers.delete('x-powered-by'))
    res.header('x-a', '1')
    seen.push(res.headers.get('x-a'), res.headers.delete('x-a'), res.headers.has('x-a'))
    return res
  })
  expect(seen).toEqual([false, false, '1', true, false])
})
