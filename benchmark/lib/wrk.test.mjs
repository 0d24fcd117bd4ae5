// What becomes of a turn in which wrk fails, with a wrk that is a script.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { insist, wrk } from './wrk.mjs'

const user = { method: 'GET', path: '/', depth: 1, connections: 1 }
const report = '@@{"requests":1,"microseconds":1,"p50":1,"p99":1,"status":0,"socket":0,"timeout":0}'

/** Does `script` as wrk. Resolves to `{ answer, starts }`: what `insist` made of it, and how often it ran. */
async function turn(script) {
  const folder = mkdtempSync(join(tmpdir(), 'armature-bench-'))
  onTestFinished(() => {
    vi.unstubAllEnvs()
    rmSync(folder, { recursive: true })
  })
  const starts = join(folder, 'starts')
  writeFileSync(join(folder, 'wrk'), `#!/bin/sh\necho >> ${starts}\n${script(starts)}\n`, { mode: 0o755 })
  vi.stubEnv('PATH', `${folder}${delimiter}${process.env.PATH}`)
  const measure = () => wrk(1, user, { seconds: 10, threads: 1 })
  const answer = await insist(measure).catch(({ message }) => message)
  return { answer, starts: readFileSync(starts, 'utf8').length }
}

const linux = process.platform === 'linux'

test.runIf(linux)('it is measured again when wrk was interrupted before it was ready', async () => {
  const once = (starts) => `[ $(wc -l < ${starts}) -gt 1 ] || kill -INT $$\necho '${report}'`
  expect(await turn(once)).toMatchObject({ answer: { requests: 1 }, starts: 2 })
})

test.runIf(linux)('but not for ever', async () => {
  expect(await turn(() => 'kill -INT $$')).toEqual({
    answer: expect.stringContaining('interrupted'),
    starts: 4,
  })
})

test.runIf(linux)('nor after any other failure', async () => {
  expect(await turn(() => 'echo unable to connect')).toEqual({
    answer: 'wrk failed:\nunable to connect\n',
    starts: 1,
  })
})
