/** Cases 7, 9 and 10 of the Autobahn test suite: closing; many and large messages, of sizes that a test may take; fragments. */
import { App } from '@armature/core'
import { type TestServer, testServer } from '@armature/core/testing'
import { afterAll, beforeAll } from 'vitest'
import { autobahn, type Case, more, ping, text } from './autobahn.js'
import { closing, frame, Op } from './raw.js'

let t: TestServer
beforeAll(async () => {
  t = await testServer(App.new().websocket('/echo', { message: (socket, data) => void socket.send(data) }))
})
afterAll(() => t[Symbol.asyncDispose]())
const run = (number: string, one: Case) => autobahn(number, () => t.server.port, one)
const bye = (payload: string | Buffer = closing(1000)) => frame(Op.Close, payload)

const HELLO: Case['expect'] = [[Op.Text, 'Hello World!']]
const hello = text('Hello World!')
run('7.1.1', { send: [hello, bye()], expect: HELLO, closes: 1000 })
run('7.1.2', { send: [bye(), bye()], expect: [], closes: 1000 })
run('7.1.3', { send: [bye(), ping()], expect: [], closes: 1000 })
run('7.1.4', { send: [bye(), hello], expect: [], closes: 1000 })
run('7.1.5', { send: [text('fragment1', false), bye(), more('fragment2')], expect: [], closes: 1000 })
const LARGE = 'BAsd7&jh23'.repeat(26_215)
run('7.1.6', {
  send: [text(LARGE), hello, bye(), ping()],
  expect: [[Op.Text, LARGE], ...HELLO],
  closes: 1000,
})
run('7.3.1', { send: [bye('')], expect: [], closes: null })
run('7.3.2', { send: [bye('a')], expect: [], fails: 1002 })
run('7.3.3', { send: [bye()], expect: [], closes: 1000 })
run('7.3.4', { send: [bye(closing(1000, 'Hello World!'))], expect: [], closes: 1000 })
run('7.3.5', { send: [bye(closing(1000, '*'.repeat(123)))], expect: [], closes: 1000 })
run('7.3.6', { send: [bye(closing(1000, '*'.repeat(124)))], expect: [], fails: 1002 })
const BROKEN = Buffer.concat([Buffer.from('κόσμε'), Buffer.from('eda080', 'hex'), Buffer.from('edited')])
run('7.5.1', { send: [bye(closing(1000, BROKEN))], expect: [], fails: 1007 })
const CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]
for (const [i, code] of CODES.entries())
  run(`7.7.${i + 1}`, { send: [bye(closing(code))], expect: [], closes: code })
for (const [i, code] of [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999].entries()) {
  run(`7.9.${i + 1}`, { send: [bye(closing(code))], expect: [], fails: 1002 })
}
for (const [i, code] of [5000, 65_535].entries()) {
  run(`7.13.${i + 1}`, { send: [bye(closing(code))], expect: [], fails: 1002 })
}

const KB = 1024
const fragments = (opcode: number, whole: Buffer, size: number) => {
  const frames: Buffer[] = []
  for (let at = 0; at < whole.length; at += size) {
    const fin = at + size >= whole.length
    frames.push(frame(at === 0 ? opcode : Op.Continuation, whole.subarray(at, at + size), { fin }))
  }
  return frames
}
for (const [group, opcode, fill] of [
  ['1', Op.Text, '*'],
  ['2', Op.Binary, 0xfe],
] as const) {
  for (const [i, size] of [64, 128, 256, 512, 768, 1024].entries()) {
    const whole = Buffer.alloc(size * KB, fill)
    run(`9.${group}.${i + 1}`, { send: [frame(opcode, whole)], expect: [[opcode, whole]] })
  }
  const whole = Buffer.alloc(256 * KB, fill)
  for (const [i, size] of [64, 256, KB, 4 * KB, 16 * KB, 64 * KB, 128 * KB, 256 * KB, 512 * KB].entries()) {
    const number = `9.${Number(group) + 2}.${i + 1}`
    run(number, { send: fragments(opcode, whole, size), expect: [[opcode, whole]] })
  }
  for (const [i, size] of [0, 16, 64, 256, KB, 4 * KB].entries()) {
    const messages = Array.from({ length: 1000 }, () => Buffer.alloc(size, fill))
    const number = `9.${Number(group) + 6}.${i + 1}`
    run(number, {
      send: messages.map((each) => frame(opcode, each)),
      expect: messages.map((each) => [opcode, each]),
    })
  }
}
for (const [group, opcode, fill] of [
  ['5', Op.Text, '*'],
  ['6', Op.Binary, 0xfe],
] as const) {
  const whole = Buffer.alloc(256 * KB, fill)
  for (let i = 1; i <= 6; i++) {
    const [send, chop] = [[frame(opcode, whole)], 'frames'] as const
    run(`9.${group}.${i}`, { send: cut(send[0] as Buffer, 64 * 2 ** i), expect: [[opcode, whole]], chop })
  }
}
const PARTED = Buffer.alloc(65_536, '*')
run('10.1.1', { send: fragments(Op.Text, PARTED, 1300), expect: [[Op.Text, PARTED]] })

function cut(bytes: Buffer, size: number): Buffer[] {
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
  return pieces
}
