/** Cases 1 to 5 of the Autobahn test suite: framing, pings and pongs, reserved bits, opcodes, fragmentation. */
import { App } from '@armature/core'
import { type TestServer, testServer } from '@armature/core/testing'
import { afterAll, beforeAll } from 'vitest'
import { autobahn, type Case, type Chop, more, ping, text } from './autobahn.js'
import { frame, Op } from './raw.js'

let t: TestServer
beforeAll(async () => {
  t = await testServer(App.new().websocket('/echo', { message: (socket, data) => void socket.send(data) }))
})
afterAll(() => t[Symbol.asyncDispose]())
const run = (number: string, one: Case) => autobahn(number, () => t.server.port, one)
const CHOPS: Chop[] = ['whole', 'frames', 'octets']

const SIZES = [0, 125, 126, 127, 128, 65_535, 65_536, 65_536]
for (const [i, size] of SIZES.entries()) {
  const [ascii, bytes] = ['*'.repeat(size), Buffer.alloc(size, 0xfe)]
  run(`1.1.${i + 1}`, { send: [text(ascii)], expect: [[Op.Text, ascii]], chop: i === 7 ? 'frames' : 'whole' })
  run(`1.2.${i + 1}`, {
    send: [frame(Op.Binary, bytes)],
    expect: [[Op.Binary, bytes]],
    chop: i === 7 ? 'frames' : 'whole',
  })
}

const BYTES = Buffer.from([0, 255, 254, 253, 252, 251, 0, 255])
const FULL = Buffer.alloc(125, 0xfe)
run('2.1', { send: [ping()], expect: [[Op.Pong, '']] })
run('2.2', { send: [ping('Hello, world!')], expect: [[Op.Pong, 'Hello, world!']] })
run('2.3', { send: [ping(BYTES)], expect: [[Op.Pong, BYTES]] })
run('2.4', { send: [ping(FULL)], expect: [[Op.Pong, FULL]] })
run('2.5', { send: [ping(Buffer.alloc(126, 0xfe))], expect: [], fails: 1002 })
run('2.6', { send: [ping(FULL)], expect: [[Op.Pong, FULL]], chop: 'octets' })
run('2.7', { send: [frame(Op.Pong)], expect: [] })
run('2.8', { send: [frame(Op.Pong, 'unsolicited')], expect: [] })
run('2.9', { send: [frame(Op.Pong, 'unsolicited'), ping('a ping')], expect: [[Op.Pong, 'a ping']] })
const TEN = Array.from({ length: 10 }, (_, i) => `payload-${i}`)
run('2.10', { send: TEN.map(ping), expect: TEN.map((payload) => [Op.Pong, payload]) })
run('2.11', { send: TEN.map(ping), expect: TEN.map((payload) => [Op.Pong, payload]), chop: 'octets' })

const HELLO: Case['expect'] = [[Op.Text, 'Hello, world!']]
const hello = text('Hello, world!')
const reserved = (opcode: number, rsv: number) => frame(opcode, 'Hello, world!', { rsv })
run('3.1', { send: [reserved(Op.Text, 1)], expect: [], fails: 1002 })
run('3.2', { send: [hello, reserved(Op.Text, 2), ping()], expect: HELLO, fails: 1002 })
run('3.3', { send: [hello, reserved(Op.Text, 3), ping()], expect: HELLO, fails: 1002, chop: 'frames' })
run('3.4', { send: [hello, reserved(Op.Text, 4), ping()], expect: HELLO, fails: 1002, chop: 'octets' })
run('3.5', { send: [reserved(Op.Binary, 5)], expect: [], fails: 1002 })
run('3.6', { send: [reserved(Op.Ping, 6)], expect: [], fails: 1002 })
run('3.7', { send: [reserved(Op.Close, 7)], expect: [], fails: 1002 })

for (const [group, first] of [
  ['4.1', 3],
  ['4.2', 11],
] as const) {
  run(`${group}.1`, { send: [frame(first)], expect: [], fails: 1002 })
  run(`${group}.2`, { send: [frame(first + 1, 'payload')], expect: [], fails: 1002 })
  run(`${group}.3`, { send: [hello, frame(first + 2), ping()], expect: HELLO, fails: 1002 })
  run(`${group}.4`, { send: [hello, frame(first + 3, 'payload'), ping()], expect: HELLO, fails: 1002 })
  run(`${group}.5`, {
    send: [hello, frame(first + 4, 'payload'), ping()],
    expect: HELLO,
    fails: 1002,
    chop: 'octets',
  })
}

run('5.1', { send: [frame(Op.Ping, 'one', { fin: false }), more('two')], expect: [], fails: 1002 })
run('5.2', { send: [frame(Op.Pong, 'one', { fin: false }), more('two')], expect: [], fails: 1002 })
const BOTH: Case['expect'] = [[Op.Text, 'fragment1fragment2']]
const [one, two] = [text('fragment1', false), more('fragment2')]
for (const [i, chop] of CHOPS.entries()) {
  run(`5.${3 + i}`, { send: [one, two], expect: BOTH, chop })
  run(`5.${6 + i}`, { send: [one, ping('ping'), two], expect: [[Op.Pong, 'ping'], ...BOTH], chop })
  run(`5.${9 + i}`, { send: [more('orphan'), hello], expect: [], fails: 1002, chop })
  run(`5.${12 + i}`, { send: [more('orphan', false), hello], expect: [], fails: 1002, chop })
}
run('5.15', { send: [one, two, more('orphan', false), hello], expect: BOTH, fails: 1002 })
const [begun, ended] = [text('fragment2', false), more('fragment3')]
for (const [number, fin] of [
  ['5.16', false],
  ['5.17', true],
] as const) {
  const thrice = [more('fragment1', fin), begun, ended]
  run(number, { send: [...thrice, ...thrice], expect: [], fails: 1002 })
}
run('5.18', { send: [one, text('fragment2')], expect: [], fails: 1002 })
const FIVE = [
  text('fragment1', false),
  more('fragment2', false),
  ping('pong 1'),
  more('fragment3', false),
  more('fragment4', false),
  ping('pong 2'),
  more('fragment5'),
]
const PONGS: Case['expect'] = [
  [Op.Pong, 'pong 1'],
  [Op.Pong, 'pong 2'],
  [Op.Text, 'fragment1fragment2fragment3fragment4fragment5'],
]
run('5.19', { send: FIVE, expect: PONGS, chop: 'frames' })
run('5.20', { send: FIVE, expect: PONGS })
