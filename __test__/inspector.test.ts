import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, expect, test } from 'vitest'
import { isInline } from './helper.js'

let child: ChildProcess | undefined
afterEach(() => child?.kill('SIGKILL'))

/** A process of its own; whatever asks for its inspector gets a free port. */
async function start(...flags: string[]): Promise<string> {
  const script = join(__dirname, 'fixtures/inspected.cjs')
  const env = { ...process.env, NODE_ENV: 'production', NODE_OPTIONS: '' }
  child = spawn(process.execPath, ['--inspect-port=0', ...flags, script], {
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [line] = (await once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), 'line')) as [
    string,
  ]
  return `http://127.0.0.1:${line.slice('port '.length)}`
}

/** Asks until the handler that takes too long has this status: the server looks for an inspector from time to time. */
async function untilLongIs(url: string, status: number): Promise<void> {
  for (let tries = 0; tries < 50; tries++) {
    const res = await fetch(`${url}/long`)
    await res.text()
    if (res.status === status) return
  }
  throw new Error(`/long was never ${status}`)
}

test('handlers have time while an inspector is open, and only then', async () => {
  const url = await start()
  await untilLongIs(url, 503)
  await fetch(`${url}/open`)
  await untilLongIs(url, 200)
  await fetch(`${url}/close`)
  await untilLongIs(url, 503)
  await fetch(`${url}/open`)
  await untilLongIs(url, 200)
})

test('an inspector that is open from the start counts at once', async () => {
  const url = await start('--inspect')
  expect((await fetch(`${url}/long`)).status).toBe(200)
})

/** The status of a request that comes while JavaScript is busy, or just before. */
async function waiting(url: string): Promise<number> {
  const [busy, quick] = await Promise.all([fetch(`${url}/busy`), fetch(`${url}/quick`)])
  await Promise.all([busy.text(), quick.text()])
  return quick.status
}

test.skipIf(isInline)('requests wait as long as they have to while an inspector is open', async () => {
  const open = await start('--inspect')
  for (let tries = 0; tries < 5; tries++) expect(await waiting(open)).toBe(200)
  child?.kill('SIGKILL')
  const closed = await start()
  let status = 200
  for (let tries = 0; tries < 50 && status === 200; tries++) status = await waiting(closed)
  expect(status).toBe(503)
})

test.skipIf(process.platform === 'win32')('SIGUSR1 opens an inspector', async () => {
  const url = await start()
  expect((await fetch(`${url}/long`)).status).toBe(503)
  child?.kill('SIGUSR1')
  await untilLongIs(url, 200)
})
