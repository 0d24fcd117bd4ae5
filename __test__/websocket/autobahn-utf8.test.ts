/** Cases 6 of the Autobahn test suite: UTF-8, and that what cannot become it fails at once. */
import { App } from '@armature/core'
import { type TestServer, testServer } from '@armature/core/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { autobahn, type Case, more, text } from './autobahn.js'
import { frame, Op, RawSocket } from './raw.js'

let t: TestServer
beforeAll(async () => {
  t = await testServer(App.new().websocket('/echo', { message: (socket, data) => void socket.send(data) }))
})
afterAll(() => t[Symbol.asyncDispose]())
const run = (number: string, one: Case) => autobahn(number, () => t.server.port, one)
const hex = (digits: string) => Buffer.from(digits.replaceAll(' ', ''), 'hex')

/** One frame for each octet. */
const octets = (bytes: Buffer) =>
  [...bytes].map((byte, i) =>
    frame(i === 0 ? Op.Text : Op.Continuation, Buffer.of(byte), { fin: i === bytes.length - 1 }),
  )

run('6.1.1', { send: [text('')], expect: [[Op.Text, '']] })
run('6.1.2', { send: [text('', false), more('', false), more('')], expect: [[Op.Text, '']] })
run('6.1.3', { send: [text('', false), more('middle', false), more('')], expect: [[Op.Text, 'middle']] })

const VALID = 'Hello-µ@ßöäüàá-UTF-8!!'
const KOSME = 'κόσμε'
run('6.2.1', { send: [text(VALID)], expect: [[Op.Text, VALID]] })
run('6.2.2', { send: [text('Hello-µ@ß', false), more('öäüàá-UTF-8!!')], expect: [[Op.Text, VALID]] })
run('6.2.3', { send: octets(Buffer.from(VALID)), expect: [[Op.Text, VALID]] })
run('6.2.4', { send: octets(Buffer.from(KOSME)), expect: [[Op.Text, KOSME]] })

const BROKEN = Buffer.concat([Buffer.from(KOSME), hex('eda080'), Buffer.from('edited')])
run('6.3.1', { send: [text(BROKEN)], expect: [], fails: 1007 })
run('6.3.2', { send: octets(BROKEN), expect: [], fails: 1007 })

// What comes behind the octet that decides is never sent: the server has to fail without it.
const early = (number: string, before: Buffer[], decides: Buffer) =>
  test(`${number} (fails at once)`, async () => {
    await using client = await RawSocket.open(t.server.port, '/echo')
    for (const part of before) await client.chop(part, part.length)
    client.send(decides)
    const frames = await client.rest()
    expect(frames.map((each) => [each.opcode, each.payload.readUInt16BE()])).toEqual([[Op.Close, 1007]])
  })
const PART = Buffer.from(KOSME)
early('6.4.1', [text(PART, false)], more(hex('f4908080'), false))
early('6.4.2', [text(Buffer.concat([PART, hex('f4')]), false)], more(hex('90'), false))
// Inside of one frame.
const whole = text(Buffer.concat([PART, hex('f4908080'), Buffer.from('edited')]))
early('6.4.3', [whole.subarray(0, whole.length - 10)], whole.subarray(whole.length - 10, whole.length - 6))
early('6.4.4', [whole.subarray(0, whole.length - 9)], whole.subarray(whole.length - 9, whole.length - 8))

const all = (group: string, sequences: (string | Buffer)[], isValid: boolean) => {
  for (const [i, each] of sequences.entries()) {
    const bytes = typeof each === 'string' ? hex(each) : each
    run(`6.${group}.${i + 1}`, {
      send: [text(bytes)],
      ...(isValid ? { expect: [[Op.Text, bytes]] } : { expect: [], fails: 1007 }),
    })
  }
}
all(
  '5',
  ['hello$world', 'hello¢world', 'hello€world', 'hello𤭢world', KOSME].map((s) => Buffer.from(s)),
  true,
)
for (let i = 1; i <= PART.length; i++) {
  const prefix = PART.subarray(0, i)
  const isValid = Buffer.from(prefix.toString()).equals(prefix)
  run(`6.6.${i}`, {
    send: [text(prefix)],
    ...(isValid ? { expect: [[Op.Text, prefix]] } : { expect: [], fails: 1007 }),
  })
}
all('7', ['00', 'c280', 'e0a080', 'f0908080'], true)
all('8', ['f888808080', 'fc8480808080'], false)
all('9', ['7f', 'dfbf', 'efbfbf', 'f48fbfbf'], true)
all('10', ['f7bfbfbf', 'fbbfbfbfbf', 'fdbfbfbfbfbf'], false)
all('11', ['ed9fbf', 'ee8080', 'efbfbd', 'f48fbfbf'], true)
run('6.11.5', { send: [text(hex('f4908080'))], expect: [], fails: 1007 })
const CONTINUATIONS = Buffer.from(Array.from({ length: 64 }, (_, i) => 0x80 + i))
all('12', ['80', 'bf', '80bf', '80bf80', '80bf80bf', '80bf80bf80', '80bf80bf80bf', CONTINUATIONS], false)
const starts = (from: number, to: number) =>
  Buffer.from(Array.from({ length: to - from + 1 }, (_, i) => [from + i, 0x20]).flat())
const LONELY = [starts(0xc0, 0xdf), starts(0xe0, 0xef), starts(0xf0, 0xf7), starts(0xf8, 0xfb)]
all('13', [...LONELY, starts(0xfc, 0xfd)], false)
const INCOMPLETE = ['c0', 'e080', 'f08080', 'f8808080', 'fc80808080']
INCOMPLETE.push('df', 'efbf', 'f7bfbf', 'fbbfbfbf', 'fdbfbfbfbf')
all('14', INCOMPLETE, false)
all('15', [INCOMPLETE.join('')], false)
all('16', ['fe', 'ff', 'fefeffff'], false)
all('17', ['c0af', 'e080af', 'f08080af', 'f8808080af', 'fc80808080af'], false)
all('18', ['c1bf', 'e09fbf', 'f08fbfbf', 'f887bfbfbf', 'fc83bfbfbfbf'], false)
all('19', ['c080', 'e08080', 'f0808080', 'f880808080', 'fc8080808080'], false)
all('20', ['eda080', 'edadbf', 'edae80', 'edafbf', 'edb080', 'edbe80', 'edbfbf'], false)
const PAIRS = ['eda080', 'edadbf', 'edae80', 'edafbf'].flatMap((high) => [`${high}edb080`, `${high}edbfbf`])
all('21', PAIRS, false)
const NO_CHARACTERS = Array.from({ length: 17 }, (_, plane) =>
  [0xfffe, 0xffff].map((c) => plane * 0x10000 + c),
)
all(
  '22',
  NO_CHARACTERS.flat().map((c) => Buffer.from(String.fromCodePoint(c))),
  true,
)
all('23', ['efbfb9', 'efbfba', 'efbfbb', 'efbfbc', 'efbfbd', 'efbfbe', 'efbfbf'], true)
