import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { App, fixed, HttpResponse } from '@armature/core'
import { testServer } from '@armature/core/testing'
import { expect, test } from 'vitest'
import { isInline } from './helper.js'

/** How often each has to happen, with requests answered in between. */
const TIMES = 50
/** Requests that are asked at most, of JavaScript and of Rust: when the process is starved, the load ends all the same. */
const LOAD = 200_000
const NATIVE_LOAD = 3_000_000
/**
 * Requests that may be handled between two turns of the event loop. JavaScript gives it one after a millisecond, which is
 * some dozens of these handlers; starved, it has none before the load ends.
 */
const BETWEEN = 2000
/** The same of constant answers, which take Rust a microsecond or two each. */
const NATIVE_BETWEEN = 20_000

const flood = new URL('./fixtures/flood.cjs', import.meta.url).pathname

function load(port: number, answers: number): ChildProcess {
  const args = [flood, String(port), String(answers)]
  return spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] })
}

/** About 20 microseconds, so that the server has always less time than the client. */
function work(): number {
  let value = 1
  for (let i = 0; i < 5000; i++) value = Math.imul(value ^ i, 0x2c1b3c6d)
  return value
}

/** Counts turns of each kind between which requests were answered, and the most requests between two of a kind. */
class Turns {
  readonly count = { tick: 0, immediate: 0, promise: 0, file: 0 }
  readonly most = { tick: 0, immediate: 0, promise: 0, file: 0 }
  readonly #last = { tick: 0, immediate: 0, promise: 0, file: 0 }
  readonly #answered: () => number

  constructor(answered: () => number) {
    this.#answered = answered
  }

  take(kind: keyof Turns['count']): void {
    const now = this.#answered()
    const between = now - this.#last[kind]
    this.#last[kind] = now
    if (between === 0) return
    // What came before the load began counts for nothing.
    if (this.count[kind]++ > 0) this.most[kind] = Math.max(this.most[kind], between)
  }

  /** Until all have happened often enough, or the load has ended. */
  async run(client: ChildProcess): Promise<void> {
    const ended = once(client, 'exit')
    let isOver = false
    void ended.then(() => {
      isOver = true
    })
    const isEnough = () => Object.values(this.count).every((count) => count >= TIMES)
    const timer = setInterval(() => this.take('tick'), 1)
    const immediates = () => {
      this.take('immediate')
      if (!isOver) setImmediate(immediates)
    }
    setImmediate(immediates)
    while (!isEnough() && !isOver) {
      await readFile(flood)
      this.take('file')
    }
    clearInterval(timer)
    client.kill()
    await ended
  }
}

test('timers, immediates, promises and other I/O have their turn while requests keep coming', async () => {
  let answered = 0
  let isPending = false
  const turns = new Turns(() => answered)
  // At once, so that nothing but the budget ends a batch; every promise is one that a handler made.
  const app = App.new().get('/', () => {
    answered++
    if (!isPending) {
      isPending = true
      void Promise.resolve().then(() => {
        isPending = false
        turns.take('promise')
      })
    }
    return String(work()).padStart(12)
  })
  await using t = await testServer(app)
  await turns.run(load(t.server.port, LOAD))
  expect(Math.min(...Object.values(turns.count))).toBeGreaterThanOrEqual(TIMES)
  expect(answered).toBeLessThan(LOAD)
  for (const kind of ['tick', 'immediate', 'promise'] as const)
    expect(turns.most[kind], kind).toBeLessThan(BETWEEN)
})

test('the same with handlers that answer by promises', async () => {
  let answered = 0
  const turns = new Turns(() => answered)
  const app = App.new().get('/', async () => {
    answered++
    const text = await Promise.resolve(String(work()).padStart(12))
    turns.take('promise')
    return text
  })
  await using t = await testServer(app)
  await turns.run(load(t.server.port, LOAD))
  expect(Math.min(...Object.values(turns.count))).toBeGreaterThanOrEqual(TIMES)
  expect(answered).toBeLessThan(LOAD)
  for (const kind of ['tick', 'immediate', 'promise'] as const)
    expect(turns.most[kind], kind).toBeLessThan(BETWEEN)
})

test('the same while Rust answers without JavaScript', async () => {
  const app = App.new().get('/', fixed(HttpResponse.text('hello')))
  await using t = await testServer(app)
  const turns = new Turns(() => t.server.stats().requests)
  const promise = () => turns.take('promise')
  const timer = setInterval(() => void Promise.resolve().then(promise), 1)
  await turns.run(load(t.server.port, NATIVE_LOAD))
  clearInterval(timer)
  expect(Math.min(...Object.values(turns.count))).toBeGreaterThanOrEqual(TIMES)
  // With threads JavaScript only looks on, as often as the operating system lets it.
  if (isInline) expect(turns.most.immediate).toBeLessThan(NATIVE_BETWEEN)
})
