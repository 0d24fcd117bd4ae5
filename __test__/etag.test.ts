// Validators and conditional requests, over real connections and for every kind of handler.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { App, ETag, fixed, HttpError, HttpResponse } from '@armature/core'
import { testServer } from '@armature/core/testing'
import { expect, test } from 'vitest'
import { needsTool, RawClient } from './helper.js'
import { Session } from './http2-client.js'

const THEN = 'Sun, 06 Nov 1994 08:49:37 GMT'
const LATER = 'Mon, 07 Nov 1994 08:49:37 GMT'

const tagOf = (text: string) => `"${createHash('sha256').update(text).digest('hex').slice(0, 32)}"`

const serve = (layer = ETag.default()) =>
  testServer(
    App.new()
      .wrap(layer)
      .get('/js', () => 'hello')
      .get('/fixed', fixed(HttpResponse.text('hello')))
      .get('/empty', () => HttpResponse.ok())
      .get('/large', () => 'x'.repeat(2000))
      .get('/stream', () => HttpResponse.stream(['a', 'b']))
      .get('/own', () => HttpResponse.stream(['own']).header('etag', 'W/"v1"').header('last-modified', THEN))
      .get('/dated', () => HttpResponse.text('dated').header('last-modified', THEN).header('x-kept', '1'))
      .get('/created', () => HttpResponse.created('x'))
      .get('/missing', () => {
        throw HttpError.notFound('no')
      })
      .post('/js', (req) => `posted ${req.header('if-match')}`),
  )

test('answers have the hash of their content, over HTTP/1 and HTTP/2, GET and HEAD', async () => {
  await using t = await serve()
  await using client = new Session(t)
  for (const path of ['/js', '/fixed']) {
    for (const method of ['GET', 'HEAD']) {
      const response = await t.fetch(path, { method })
      expect([response.headers.get('etag'), response.headers.get('content-length')]).toEqual([
        tagOf('hello'),
        '5',
      ])
      expect((await client.ask(path, { ':method': method })).headers.etag).toBe(tagOf('hello'))
    }
  }
  expect((await t.fetch('/empty')).headers.get('etag')).toBe(tagOf(''))
})

test('what has no content that is known, or is no 200, has none', async () => {
  await using t = await serve(ETag.new({ maxSize: 1999 }))
  for (const path of ['/large', '/stream', '/created', '/missing', '/nowhere']) {
    const response = await t.fetch(path, { headers: { 'if-none-match': '*' } })
    expect(response.headers.get('etag'), path).toBeNull()
    if (path !== '/large' && path !== '/stream') expect(response.status, path).not.toBe(304)
  }
  const posted = await t.fetch('/js', { method: 'POST', headers: { 'if-match': '"x"' } })
  expect([posted.status, await posted.text(), posted.headers.get('etag')]).toEqual([200, 'posted "x"', null])
})

test.each<[string, string, Record<string, string>, number]>([
  ['a tag that is listed', '/js', { 'if-none-match': `"x", ${tagOf('hello')}` }, 304],
  ['a weak tag', '/fixed', { 'if-none-match': `W/${tagOf('hello')}` }, 304],
  ['any tag', '/js', { 'if-none-match': '*' }, 304],
  ['another tag', '/js', { 'if-none-match': '"x"' }, 200],
  ['the tag of the handler, on a stream', '/own', { 'if-none-match': '"v1"' }, 304],
  ['a date', '/dated', { 'if-modified-since': THEN }, 304],
  ['an earlier date', '/dated', { 'if-modified-since': 'Sat, 05 Nov 1994 08:49:37 GMT' }, 200],
  ['a tag before a date', '/dated', { 'if-none-match': '"x"', 'if-modified-since': LATER }, 200],
  ['no date to compare with', '/js', { 'if-modified-since': LATER }, 200],
  ['the tag that is expected', '/js', { 'if-match': tagOf('hello') }, 200],
  ['a weak tag, compared strongly', '/own', { 'if-match': 'W/"v1"' }, 412],
  ['another tag that is expected', '/fixed', { 'if-match': '"x"' }, 412],
  ['changed since', '/dated', { 'if-unmodified-since': 'Sat, 05 Nov 1994 08:49:37 GMT' }, 412],
  ['expected, and there already', '/js', { 'if-match': '*', 'if-none-match': tagOf('hello') }, 304],
])('%s', async (_, path, headers, status) => {
  await using t = await serve()
  await using client = new Session(t)
  const whole = await (await t.fetch(path)).text()
  for (const method of ['GET', 'HEAD']) {
    const response = await t.fetch(path, { method, headers })
    // Of a HEAD whose content is a stream, nothing is lost: its tag is the handler's.
    expect(response.status, method).toBe(status)
    const text = await response.text()
    if (status === 304) expect([text, response.headers.get('content-type')]).toEqual(['', null])
    if (status === 200 && method === 'GET') expect(text).toBe(whole)
    expect((await client.ask(path, { ':method': method, ...headers })).status).toBe(status)
  }
})

test('a 304 has no content on the wire, and what is not about it', async () => {
  await using t = await serve()
  await using client = await RawClient.to(t.server.port)
  for (const _ of [1, 2]) {
    const reply = await client.get('/dated', `if-none-match: ${tagOf('dated')}\r\n`)
    expect(reply).toMatchObject({ status: 304, body: '', headers: { etag: tagOf('dated'), 'x-kept': '1' } })
    for (const gone of ['content-type', 'content-length', 'transfer-encoding', 'last-modified'])
      expect(reply.headers).not.toHaveProperty(gone)
  }
  expect(await client.get('/js')).toMatchObject({ status: 200, body: 'hello' })
})

test('a 412 is a problem', async () => {
  await using t = await serve()
  const response = await t.fetch('/js', { headers: { 'if-match': '"x"' } })
  expect(response.headers.get('etag')).toBe(tagOf('hello'))
  expect(await response.json()).toMatchObject({ status: 412, code: 'ARMATURE_PRECONDITION_FAILED' })
})

test('weak tags', async () => {
  await using t = await serve(ETag.weak())
  expect((await t.fetch('/js')).headers.get('etag')).toBe(`W/${tagOf('hello')}`)
  expect((await t.fetch('/js', { headers: { 'if-match': `W/${tagOf('hello')}` } })).status).toBe(412)
})

test('curl keeps a tag and gets nothing twice', async (context) => {
  needsTool(context, 'curl', '--version')
  await using t = await serve()
  const folder = mkdtempSync(join(tmpdir(), 'armature-etag-'))
  try {
    const kept = join(folder, 'etag')
    const ask = async () => {
      const args = ['-s', '--etag-save', kept, '--etag-compare', kept, '-w', '%{http_code}', `${t.url}/js`]
      return (await promisify(execFile)('curl', args)).stdout
    }
    expect(await ask()).toBe('hello200')
    expect(readFileSync(kept, 'utf8').trim()).toBe(tagOf('hello'))
    expect(await ask()).toBe('304')
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('wrong options are refused when the layer is made', () => {
  for (const maxSize of [0, '17mb']) {
    expect(() => ETag.new({ maxSize })).toThrow(expect.objectContaining({ code: 'ARMATURE_OPTION_INVALID' }))
  }
})
