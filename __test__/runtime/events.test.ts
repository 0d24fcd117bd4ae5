import { describe, expect, it } from 'vitest'
import { EventStream, encodeEvent, type SseEvent } from '../../src/events.js'
import { EventStreamParser } from '../event-source.js'

const read = (...pieces: string[]) => {
  const parser = new EventStreamParser()
  for (const piece of pieces) parser.push(piece)
  return parser
}
const seen = (event: unknown) => read(encodeEvent(event)).events

describe('encodeEvent', () => {
  it.each<[unknown, string]>([
    ['hello', 'data: hello\n\n'],
    ['', 'data: \n\n'],
    [' a', 'data:  a\n\n'],
    [{ data: 'a\nb\rc\r\nd\n\re' }, 'data: a\ndata: b\ndata: c\ndata: d\ndata: \ndata: e\n\n'],
    [{ data: { a: [1, 'x\ny'] } }, 'data: {"a":[1,"x\\ny"]}\n\n'],
    [{ data: null }, 'data: null\n\n'],
    [{ data: 0 }, 'data: 0\n\n'],
    [{ id: 7, event: 'tick', retry: '1.5s', data: 'x' }, 'event: tick\nid: 7\nretry: 1500\ndata: x\n\n'],
    [{ id: '' }, 'id: \n\n'],
    [{ retry: 0 }, 'retry: 0\n\n'],
    [{ comment: 'a\r\nb' }, ': a\n: b\n\n'],
    [{ comment: '', data: 'x', id: undefined }, ': \ndata: x\n\n'],
  ])('%j', (event, text) => {
    expect(encodeEvent(event)).toBe(text)
  })

  it.each<[string, unknown]>([
    ['a line break in the name', { event: 'a\nb', data: '' }],
    ['a carriage return in the name', { event: 'a\rdata: forged', data: '' }],
    ['a line break in the id', { id: '1\ndata: forged' }],
    ['a carriage return in the id', { id: '1\r' }],
    ['U+0000 in the id', { id: 'a\0b', data: '' }],
    ['a name that is no string', { event: 1, data: '' }],
    ['an id that is no string', { id: {}, data: '' }],
    ['a comment that is no string', { comment: 1 }],
    ['a name without data', { event: 'ping' }],
    ['nothing', {}],
    ['nothing that is defined', { data: undefined }],
    ['what it does not know', { type: 'ping', data: '' }],
    ['bytes', Buffer.from('x')],
    ['bytes as data', { data: Buffer.from('x') }],
    ['a list', ['x']],
    ['a number', 1],
    ['null', null],
  ])('refuses %s', (_, event) => {
    expect(() => encodeEvent(event)).toThrow(
      expect.objectContaining({ name: 'TypeError', code: 'ARMATURE_SSE_INVALID' }),
    )
  })

  it('refuses what is neither JSON nor a duration, with the code of such values', () => {
    expect(() => encodeEvent({ data: () => {} })).toThrow(
      expect.objectContaining({ code: 'ARMATURE_RESPONSE_TYPE' }),
    )
    for (const retry of [-1, 'soon', Number.NaN, Number.POSITIVE_INFINITY, '25h'])
      expect(() => encodeEvent({ retry })).toThrow(
        expect.objectContaining({ code: 'ARMATURE_OPTION_INVALID' }),
      )
  })

  it('is what a client reads, whatever is in it and wherever it is cut', () => {
    const alphabet = ['a', ' ', ':', '\n', '\r', '\r\n', 'ü', '😀', '\0', '\ufeff', 'data: ', 'id: 1']
    let seed = 1
    const random = (below: number) => {
      seed = (seed * 48271) % 0x7fffffff
      return seed % below
    }
    const text = () => Array.from({ length: random(8) }, () => alphabet[random(alphabet.length)]).join('')
    const line = () => text().replace(/[\r\n\0]/g, '')
    for (let round = 0; round < 500; round++) {
      const events = Array.from(
        { length: 3 },
        (): Required<Pick<SseEvent, 'data' | 'event' | 'id' | 'comment'>> & { data: string } => ({
          data: text(),
          event: line(),
          id: line(),
          comment: text(),
        }),
      )
      const all = events.map(encodeEvent).join('')
      const cut = random(all.length + 1)
      expect(read(all.slice(0, cut), all.slice(cut)).events).toEqual(
        events.map(({ data, event, id }) => ({
          type: event === '' ? 'message' : event,
          data: data.replace(/\r\n?/g, '\n'),
          lastEventId: id,
        })),
      )
    }
  })

  it('keeps an id until there is another', () => {
    const parser = read(...[{ id: 1, data: 'a' }, { data: 'b' }, { id: '', data: 'c' }].map(encodeEvent))
    expect(parser.events.map((event) => event.lastEventId)).toEqual(['1', '1', ''])
    expect(seen({ id: '5' })).toEqual([])
  })
})

describe('EventStream', () => {
  const head = (options?: object) => Buffer.from(new EventStream([], options).head)

  it('says when an idle stream speaks, and what it begins with', () => {
    expect([head().readUInt32LE(), head().length]).toEqual([15_000, 4])
    expect(head({ heartbeat: 0 }).readUInt32LE()).toBe(0)
    const both = head({ heartbeat: '1m', retry: '3s' })
    expect([both.readUInt32LE(), both.toString('latin1', 4)]).toEqual([60_000, 'retry: 3000\n\n'])
  })

  it.each([
    { heartbeat: 9 },
    { heartbeat: -1 },
    { heartbeat: 'often' },
    { heartbeat: '25h' },
    { heartbeat: false },
    { retry: 'later' },
    { heartBeat: 1000 },
  ])('refuses %j', (options) => {
    expect(() => new EventStream([], options as object)).toThrow(
      expect.objectContaining({ name: 'TypeError', code: 'ARMATURE_OPTION_INVALID' }),
    )
  })
})
