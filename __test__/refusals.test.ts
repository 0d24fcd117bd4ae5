import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import type { ServerStats } from '@armature/core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { RawClient } from './helper.js'

interface LogLine {
  requestId: string
  method: string
  status: number
  code: string
}

let child: ChildProcess
let lines: Interface
let port: number
const seen: Record<string, unknown>[] = []

beforeAll(async () => {
  const fixture = join(import.meta.dirname, 'fixtures/logged.cjs')
  child = spawn(process.execPath, [fixture], { stdio: ['pipe', 'pipe', 'inherit'] })
  lines = createInterface({ input: child.stdout as NonNullable<ChildProcess['stdout']> })
  lines.on('line', (line) => {
    // In development run() says where it listens, in words.
    if (!line.startsWith('{')) return
    seen.push(JSON.parse(line))
    lines.emit('seen')
  })
  port = (await line((value) => 'port' in value)).port as number
})

afterAll(async () => {
  const ended = once(child, 'exit')
  child.stdin?.end()
  expect(await ended).toEqual([0, null])
})

/** The first line of the child that is like that; it is taken out. */
async function line(matches: (value: Record<string, unknown>) => boolean): Promise<Record<string, unknown>> {
  for (;;) {
    const at = seen.findIndex(matches)
    if (at >= 0) return seen.splice(at, 1)[0] as Record<string, unknown>
    await once(lines, 'seen')
  }
}

async function stats(): Promise<ServerStats> {
  child.stdin?.write('stats\n')
  return (await line((value) => 'stats' in value)).stats as ServerStats
}

const host = 'host: t\r\n'
const table: [string, number, string, string][] = [
  ['a bare line feed', 400, 'ARMATURE_BAD_REQUEST', 'GET / HTTP/1.1\n'],
  ['no host', 400, 'ARMATURE_BAD_REQUEST', 'GET / HTTP/1.1\r\n\r\n'],
  ['a head that does not end', 408, 'ARMATURE_REQUEST_TIMEOUT', `GET / HTTP/1.1\r\n${host}`],
  ['HTTP/1.0 content of no known length', 411, 'ARMATURE_LENGTH_REQUIRED', 'POST / HTTP/1.0\r\n\r\n'],
  ['a long target', 414, 'ARMATURE_URI_TOO_LONG', `GET /${'a'.repeat(200)} HTTP/1.1\r\n${host}\r\n`],
  ['an expectation', 417, 'ARMATURE_EXPECTATION_FAILED', `GET / HTTP/1.1\r\n${host}expect: tea\r\n\r\n`],
  ['many fields', 431, 'ARMATURE_HEADERS_TOO_LARGE', `GET / HTTP/1.1\r\n${host}${'x: 1\r\n'.repeat(9)}\r\n`],
  [
    'a large field',
    431,
    'ARMATURE_HEADERS_TOO_LARGE',
    `GET / HTTP/1.1\r\n${host}x: ${'y'.repeat(2000)}\r\n\r\n`,
  ],
  ['a tunnel', 501, 'ARMATURE_NOT_IMPLEMENTED', `CONNECT t:80 HTTP/1.1\r\n${host}\r\n`],
  [
    'an unknown coding',
    501,
    'ARMATURE_NOT_IMPLEMENTED',
    `POST / HTTP/1.1\r\n${host}transfer-encoding: gzip, chunked\r\n\r\n`,
  ],
  ['HTTP/2', 505, 'ARMATURE_VERSION_NOT_SUPPORTED', 'PRI * HTTP/2.0\r\n\r\nSX\r\n\r\n'],
]

test.each(table)('%s: %i, counted, logged, with an id', async (_, status, code, request) => {
  const before = (await stats()).malformed
  await using client = await RawClient.to(port)
  client.send(request)
  const reply = await client.read()
  expect(reply.status).toBe(status)
  expect(reply.headers.connection).toBe('close')
  const problem = JSON.parse(reply.body)
  expect(problem).toMatchObject({ status, code, detail: expect.any(String), requestId: expect.any(String) })
  const logged = (await line((value) => value.requestId === problem.requestId)) as unknown as LogLine
  expect(logged).toMatchObject({ status, code })
  client.socket.end()
  await client.closed()
  expect((await stats()).malformed).toBe(before + 1)
})

test('too much content is a refusal of the route: logged, and no malformed request', async () => {
  const before = (await stats()).malformed
  await using client = await RawClient.to(port)
  client.send(`POST / HTTP/1.1\r\n${host}content-length: 17\r\n\r\n${'x'.repeat(17)}`)
  const reply = await client.read()
  const problem = JSON.parse(reply.body)
  expect(problem).toMatchObject({ status: 413, code: 'ARMATURE_BODY_TOO_LARGE' })
  expect(await line((value) => value.requestId === problem.requestId)).toMatchObject({ status: 413 })
  expect((await stats()).malformed).toBe(before)
})
