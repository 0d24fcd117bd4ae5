/**
 * Cases 12 and 13 of the Autobahn test suite: compressed messages of many sizes, of many kinds of content (12), and with the parameters
 * of permessage-deflate (13). The suite sends a thousand messages in each case; here it is up to a quarter of a megabyte, and the content is
 * made here: as large as that of the suite, and about as compressible.
 */
import { App } from '@armature/core'
import { type TestServer, testServer } from '@armature/core/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Deflater, Inflater } from './flate.js'
import { closing, frame, HANDSHAKE, Op, RawSocket } from './raw.js'

let t: TestServer
beforeAll(async () => {
  const deflate = { threshold: 0, contextTakeover: true }
  t = await testServer(
    App.new().websocket('/echo', { deflate, message: (socket, data) => void socket.send(data) }),
  )
})
afterAll(() => t[Symbol.asyncDispose]())

/** Sizes of messages, and of the frames that they are cut into. */
const SIZES: [length: number, fragment: number][] = [
  ...[16, 64, 256, 1024, 4096, 8192, 16_384, 32_768, 65_536, 131_072].map(
    (length) => [length, 0] as [number, number],
  ),
  ...[8192, 16_384, 32_768, 65_536, 131_072].map((length) => [length, 256] as [number, number]),
  [131_072, 1024],
  [131_072, 4096],
  [131_072, 32_768],
]
const BYTES = 256 * 1024

interface Content {
  name: string
  bytes: Buffer
  isBinary: boolean
}

/** The same numbers in every run. */
function random(): () => number {
  let state = 42
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

const next = random()
const word = () =>
  'faust gretchen mephisto und die der das nicht'.split(' ')[Math.floor(next() * 8)] as string
const fill = (size: number, piece: () => string | Buffer) => {
  const pieces: Buffer[] = []
  for (let length = 0; length < size; length += (pieces.at(-1) as Buffer).length)
    pieces.push(Buffer.from(piece() as string))
  return Buffer.concat(pieces).subarray(0, size)
}
const CONTENTS: Content[] = [
  {
    name: 'JSON',
    bytes: fill(
      194_056,
      () => `{"id":${Math.floor(next() * 1e6)},"name":"${word()}","on":${next() > 0.5}},\n`,
    ),
    isBinary: false,
  },
  {
    name: 'a bitmap',
    bytes: fill(263_222, () => Buffer.from([128 + 40 * Math.sin(next() * 6)])),
    isBinary: true,
  },
  { name: 'text', bytes: fill(222_218, () => `${word()} `), isBinary: true },
  {
    name: 'HTML',
    bytes: fill(263_527, () => `<p class="${word()}">${word()} ${word()}</p>\n`),
    isBinary: false,
  },
  { name: 'a PDF', bytes: fill(1_042_328, () => Buffer.from([next() * 256])), isBinary: true },
]

interface Terms {
  /** Offers of the client. */
  offer: string
  /** What the server has to answer. */
  answer: RegExp
  windowBits?: number
  takeover?: boolean
}

/** Sends messages one after the other, each when the one before has come back. */
async function run(content: Content, length: number, fragment: number, terms: Terms): Promise<void> {
  const { bytes, isBinary } = content
  const headers = `${HANDSHAKE}sec-websocket-extensions: ${terms.offer}\r\n`
  await using client = await RawSocket.open(t.server.port, '/echo', headers)
  expect(client.head).toMatch(terms.answer)
  const { windowBits = 15, takeover = true } = terms
  const [deflater, inflater] = [new Deflater(), new Inflater({ windowBits, takeover })]
  const opcode = isBinary ? Op.Binary : Op.Text
  const count = Math.max(4, Math.min(1000, Math.ceil(BYTES / length)))
  let compressed = 0
  for (let i = 0, at = 0; i < count; i++, at = (at + length) % bytes.length) {
    const message = Buffer.concat([bytes, bytes]).subarray(at, at + length)
    client.send(...cut(opcode, await deflater.message(message), fragment))
    const echo = await client.next()
    if (echo === null) throw new Error('the connection ended')
    expect([echo.fin, echo.opcode]).toEqual([true, opcode])
    if (echo.compressed) compressed++
    const back = echo.compressed ? await inflater.message(echo.payload) : echo.payload
    if (!back.equals(message)) throw new Error(`message ${i} is not the same`)
  }
  // Noise is sent as it is, unless a message is small; everything else gets smaller, unless it is tiny and stands alone.
  if (content.name === 'a PDF' && length >= 1024) expect(compressed).toBe(0)
  else if (takeover || length > 16) expect(compressed).toBeGreaterThan(count / 2)
  client.send(frame(Op.Close, closing(1000)))
  expect((await client.next())?.payload.readUInt16BE()).toBe(1000)
}

/** A compressed message in frames; only the first one says that it is compressed. */
function cut(opcode: number, payload: Buffer, fragment: number): Buffer[] {
  const size = fragment === 0 ? payload.length : fragment
  const frames: Buffer[] = []
  for (let at = 0; at < payload.length; at += size) {
    const fin = at + size >= payload.length
    const options = at === 0 ? { rsv: 4, fin } : { fin }
    frames.push(frame(at === 0 ? opcode : Op.Continuation, payload.subarray(at, at + size), options))
  }
  return frames
}

const DEFAULT: Terms = { offer: 'permessage-deflate', answer: /extensions: permessage-deflate\r\n/i }

for (const [group, content] of CONTENTS.entries()) {
  describe(`12.${group + 1} (${content.name})`, () => {
    test.each(SIZES.map(([length, fragment], i) => [`12.${group + 1}.${i + 1}`, length, fragment] as const))(
      '%s: messages of %d bytes in frames of %d',
      (_, length, fragment) => run(content, length, fragment, DEFAULT),
    )
  })
}

const NO_CONTEXT = 'permessage-deflate; server_no_context_takeover'
const TERMS: Terms[] = [
  DEFAULT,
  { offer: NO_CONTEXT, answer: /deflate; server_no_context_takeover\r\n/i, takeover: false },
  {
    offer: 'permessage-deflate; server_max_window_bits=9',
    answer: /deflate; server_max_window_bits=9\r\n/i,
    windowBits: 9,
  },
  {
    offer: 'permessage-deflate; server_max_window_bits=15',
    answer: /deflate; server_max_window_bits=15\r\n/i,
  },
  {
    offer: `${NO_CONTEXT}; server_max_window_bits=9`,
    answer: /deflate; server_no_context_takeover; server_max_window_bits=9\r\n/i,
    windowBits: 9,
    takeover: false,
  },
  {
    offer: `${NO_CONTEXT}; server_max_window_bits=15`,
    answer: /deflate; server_no_context_takeover; server_max_window_bits=15\r\n/i,
    takeover: false,
  },
  {
    offer: `${NO_CONTEXT}; server_max_window_bits=9, ${NO_CONTEXT}, permessage-deflate`,
    answer: /deflate; server_no_context_takeover; server_max_window_bits=9\r\n/i,
    windowBits: 9,
    takeover: false,
  },
]

for (const [group, terms] of TERMS.entries()) {
  describe(`13.${group + 1} (${terms.offer})`, () => {
    test.each(SIZES.map(([length, fragment], i) => [`13.${group + 1}.${i + 1}`, length, fragment] as const))(
      '%s: messages of %d bytes in frames of %d',
      (_, length, fragment) => run(CONTENTS[0] as Content, length, fragment, terms),
    )
  })
}
