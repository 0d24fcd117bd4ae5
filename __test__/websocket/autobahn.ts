import { expect, test } from 'vitest'
import { closing, type Frame, frame, Op, RawSocket } from './raw.js'

/** How the octets of a case reach the server: together, a frame at a time, or one by one. */
export type Chop = 'whole' | 'frames' | 'octets'

export interface Case {
  send: Buffer[]
  /** What comes back before the Close frame. */
  expect: [opcode: number, payload: string | Buffer][]
  /** The code of the server's Close frame when it fails the connection, else the client closes it. */
  fails?: number
  /** The code of the server's Close frame when the case closes by itself; `null` without a code. */
  closes?: number | null
  chop?: Chop
}

export const text = (payload: string | Buffer, fin = true) => frame(Op.Text, payload, { fin })
export const more = (payload: string | Buffer, fin = true) => frame(Op.Continuation, payload, { fin })
export const ping = (payload: string | Buffer = '') => frame(Op.Ping, payload)

/** Reproduces a numbered case of the Autobahn test suite. */
export function autobahn(number: string, port: () => number, one: Case): void {
  test(`${number}${one.chop === undefined || one.chop === 'whole' ? '' : ` (${one.chop})`}`, async () => {
    await using client = await RawSocket.open(port(), '/echo')
    const ends = one.fails !== undefined || one.closes !== undefined
    const send = ends ? one.send : [...one.send, frame(Op.Close, closing(1000))]
    if (one.chop === 'octets') await client.chop(Buffer.concat(send), 1)
    else if (one.chop === 'frames') for (const each of send) await client.chop(each, each.length)
    else client.send(...send)
    const frames = await client.rest()
    const last = frames.pop() as Frame
    const expected = one.expect.map(([opcode, payload]) => ({
      fin: true,
      opcode,
      payload: Buffer.from(payload as string),
    }))
    const kinds = (each: Frame) => [each.fin, each.opcode, each.payload.length]
    expect(frames.map(kinds)).toEqual(expected.map(kinds))
    for (const [i, each] of frames.entries())
      expect(each.payload.equals(expected[i]?.payload as Buffer)).toBe(true)
    expect(last.opcode).toBe(Op.Close)
    const code = last.payload.length === 0 ? null : last.payload.readUInt16BE()
    expect(code).toBe(one.fails ?? (one.closes === undefined ? 1000 : one.closes))
  })
}
