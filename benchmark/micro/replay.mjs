// A real record, over and over: what JavaScript does for one request, from the record to the command, without the
// engine's part. The record is the one that the engine wrote for a request that came through a socket.
import assert from 'node:assert'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { join } from 'node:path'
import { root } from '../../scripts/lib/paths.mjs'

const { createLane } = createRequire(import.meta.url)(join(root, 'dist/native.js'))
const NONE = Buffer.alloc(0)
/** Requests in one batch of records: as with 16 pipelined ones. */
const BATCH = 16

// All lanes of this process share the method that takes records and gives commands.
const lane = createLane(1, () => {})
const native = Object.getPrototypeOf(lane)
lane.close()
const turn = native.turn
let next = null

Object.defineProperty(native, 'turn', {
  value(commands, length, records) {
    if (next?.record) return next.again(this, commands, length, records)
    const bytes = turn.call(this, commands, length, records)
    if (next !== null && bytes > 0) next.record = Buffer.from(records.subarray(0, bytes))
    return bytes
  },
})

/** `count` copies of one record, fed to the lane after the real one. */
class Replay {
  record = null
  #left
  #answered = false
  #begin = 0

  constructor(count, done) {
    this.#left = count
    this.done = done
  }

  again(lane, commands, length, records) {
    if (!this.#answered) {
      // A handler that awaits something has not answered when the lane looks for more.
      if (length === 0) return turn.call(lane, commands, length, records)
      // The answer to the real request leaves; those to its copies go nowhere.
      turn.call(lane, commands, length, NONE)
      this.#answered = true
      this.#begin = performance.now()
    }
    if (records.length === 0) return 0
    if (this.#left > 0) return this.#fill(records)
    this.done(performance.now() - this.#begin)
    next = null
    return turn.call(lane, commands, 0, records)
  }

  #fill(records) {
    const copies = Math.min(BATCH, this.#left)
    for (let i = 0; i < copies; i++) this.record.copy(records, i * this.record.length)
    this.#left -= copies
    return copies * this.record.length
  }
}

/** A browser's request: what has to be decoded is what really comes. */
const REQUEST = [
  'GET /users/42?page=2 HTTP/1.1',
  'Host: localhost:3000',
  'Connection: keep-alive',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'Accept-Language: en-US,en;q=0.5',
  'Accept-Encoding: gzip, deflate, br',
  'Cookie: session=5d41402abc4b2a76b9719d911017c592',
  '\r\n',
].join('\r\n')

/**
 * A `run` for `nanoseconds()`: `app` answers `count` copies of a request for /users/42. Its handler may await what is there;
 * `expected` is part of the real answer.
 */
export async function replay(app, expected) {
  const server = await app.run({ listen: '127.0.0.1:0', signals: false })
  const socket = connect(server.port, '127.0.0.1').setEncoding('latin1')
  const run = async (count) => {
    const took = new Promise((resolve) => {
      next = new Replay(count, resolve)
    })
    const answer = new Promise((resolve) => socket.once('data', resolve))
    socket.write(REQUEST)
    assert((await answer).includes(expected), 'the real request has its answer')
    return await took
  }
  const close = async () => {
    socket.destroy()
    await server.close({ timeout: 0 })
  }
  return { run, close }
}
