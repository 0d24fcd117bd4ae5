import { AsyncResource } from 'node:async_hooks'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { HttpRequest } from '../../src/request.js'
import { discardSource, pump, type StreamSource, type StreamWriter } from '../../src/stream.js'
import { FakeSink, FakeSource, fakeRequest, rejection, settle } from './helper.js'

let log: ReturnType<typeof vi.spyOn>
const logged = () => log.mock.calls.map(([text]: unknown[]) => String(text)).join('')
const rejections: unknown[] = []
const collectRejection = (error: unknown) => void rejections.push(error)

beforeEach(() => {
  log = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  rejections.length = 0
  process.on('unhandledRejection', collectRejection)
})
afterEach(async () => {
  await settle()
  process.off('unhandledRejection', collectRejection)
  vi.restoreAllMocks()
  expect(rejections).toEqual([])
})

const req = fakeRequest({ id: 'abc' })
const start = (source: unknown, sink = new FakeSink()) => {
  pump(source as StreamSource, sink, req, new AsyncResource('Test'))
  return { sink, done: sink.over }
}

describe('pump', () => {
  it.each<[string, () => unknown]>([
    ['a ReadableStream', () => ReadableStream.from(['a', '', Buffer.from('b'), new Uint8Array(0)])],
    ['a Node stream', () => Readable.from(['a', Buffer.from('b')])],
    [
      'a generator',
      () =>
        (function* () {
          yield 'a'
          yield ''
          yield Buffer.from('b')
        })(),
    ],
    [
      'an async generator',
      () =>
        (async function* () {
          yield 'a'
          yield new Uint8Array(0)
          yield 'b'
        })(),
    ],
    ['a list', () => ['a', '', 'b']],
    [
      'a writer',
      () => async (w: StreamWriter) => {
        await w.write('a')
        await w.write('')
        await w.write('b')
      },
    ],
    [
      'a synchronous writer',
      () => (w: StreamWriter) => {
        w.write('a')
        w.write('b')
      },
    ],
    [
      'a generator function',
      () =>
        async function* () {
          yield 'a'
          yield 'b'
        },
    ],
    [
      'a thenable iterator',
      () => {
        const values = ['a', 'b']
        const next = () => ({
          // biome-ignore lint/suspicious/noThenProperty: next() may return any thenable
          then: (ok: (r: unknown) => void) => ok({ done: values.length === 0, value: values.shift() }),
        })
        return { [Symbol.asyncIterator]: () => ({ next }) }
      },
    ],
  ])('sends %s', async (_, make) => {
    const { sink, done } = start(make())
    await done
    expect(sink.state).toBe('ended')
    expect(sink.text).toBe('ab')
    expect(sink.chunks).toHaveLength(2)
    expect(logged()).toBe('')
  })

  it('sends other views as bytes', async () => {
    const { sink, done } = start([new Uint16Array([0x6261]), Buffer.from('cd').buffer.slice(0, 0)])
    await done
    expect(sink.text).toBe('ab')
  })

  it.each<[string, (pulled: { count: number }) => unknown]>([
    [
      'a generator',
      (pulled) =>
        (function* () {
          for (;;) {
            pulled.count++
            yield 'xxxx'
          }
        })(),
    ],
    [
      'an async generator',
      (pulled) =>
        (async function* () {
          for (;;) {
            pulled.count++
            yield 'xxxx'
          }
        })(),
    ],
    [
      'a writer',
      (pulled) => async (w: StreamWriter) => {
        while (!w.closed) {
          pulled.count++
          await w.write('xxxx')
        }
      },
    ],
    [
      'a ReadableStream',
      (pulled) =>
        new ReadableStream(
          {
            pull(c) {
              pulled.count++
              c.enqueue('xxxx')
            },
          },
          { highWaterMark: 0 },
        ),
    ],
  ])('waits for a full sink: %s', async (_, make) => {
    const pulled = { count: 0 }
    const sink = new FakeSink(10)
    const { done } = start(make(pulled), sink)
    await settle()
    expect(pulled.count).toBe(3)
    await settle()
    expect(pulled.count).toBe(3)
    sink.drain()
    await settle()
    expect(pulled.count).toBe(6)
    expect(sink.writesWhileFull).toBe(0)
    sink.close()
    await done
  })

  it('ends after the last chunk also when that filled the sink', async () => {
    const sink = new FakeSink(1)
    const { done } = start(['a'], sink)
    await settle()
    expect(sink.state).toBe('open')
    sink.drain()
    await done
    expect(sink.state).toBe('ended')
  })
})

describe('a source that fails', () => {
  const boom = () => {
    throw new Error('boom')
  }

  it.each<[string, () => unknown]>([
    [
      'a ReadableStream',
      () => new ReadableStream({ start: (c) => c.enqueue('a'), pull: boom }, { highWaterMark: 0 }),
    ],
    [
      'a Node stream',
      () =>
        Readable.from(
          (async function* () {
            yield 'a'
            boom()
          })(),
        ),
    ],
    [
      'a Node stream that failed before',
      () => {
        const stream = new Readable({ read() {} })
        stream.on('error', () => {})
        return stream.destroy(new Error('boom'))
      },
    ],
    [
      'a generator',
      () =>
        (function* () {
          yield 'a'
          boom()
        })(),
    ],
    [
      'an async generator',
      () =>
        (async function* () {
          yield 'a'
          boom()
        })(),
    ],
    [
      'a writer',
      () => async (w: StreamWriter) => {
        await w.write('a')
        boom()
      },
    ],
    ['a synchronous writer', () => boom],
    ['an iterable that has no iterator', () => ({ [Symbol.asyncIterator]: boom })],
  ])('resets the connection and is logged: %s', async (_, make) => {
    const { sink, done } = start(make())
    await done
    expect(sink.state).toBe('failed')
    expect(logged()).toMatch(
      /^\[armature\] GET \/users\/1 could not finish its body \(request abc\)\nError: boom/,
    )
  })

  it('may fail after it ended its body: that is logged only', async () => {
    const { sink, done } = start(async (w: StreamWriter) => {
      w.close()
      boom()
    })
    await done
    expect(sink.state).toBe('ended')
    expect(logged()).toContain('boom')
  })

  it.each([1, null, undefined, {}, [], true])('may not yield %j', async (chunk) => {
    let returned = false
    const source = (function* () {
      try {
        yield chunk
      } finally {
        returned = true
      }
    })()
    const { sink, done } = start(source)
    await done
    expect(sink.state).toBe('failed')
    expect(returned).toBe(true)
    expect(logged()).toContain('ARMATURE_RESPONSE_TYPE')
  })

  it('may not write what is neither text nor bytes', async () => {
    const { sink, done } = start((w: StreamWriter) => w.write(1 as unknown as string))
    await done
    expect(sink.state).toBe('failed')
    expect(logged()).toContain('a number cannot be sent as a piece of a stream')
  })

  it('is failed by a stream that somebody else reads', async () => {
    const stream = new ReadableStream()
    stream.getReader()
    const { sink, done } = start(stream)
    await done
    expect(sink.state).toBe('failed')
  })
})

describe('a client that leaves', () => {
  it('gets generators returned at once', async () => {
    const events: string[] = []
    const source = (async function* () {
      try {
        for (;;) yield 'xxxx'
      } finally {
        events.push('returned')
      }
    })()
    const sink = new FakeSink(4)
    const { done } = start(source, sink)
    await settle()
    sink.close()
    await done
    await settle()
    expect(events).toEqual(['returned'])
    expect(sink.state).toBe('closed')
    expect(logged()).toBe('')
  })

  it('does not wait for a generator that waits', async () => {
    const returned = vi.fn(() => Promise.resolve({ done: true as const, value: undefined }))
    const source = {
      [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}), return: returned }),
    }
    const { sink, done } = start(source)
    await settle()
    sink.close()
    await done
    expect(returned).toHaveBeenCalledOnce()
  })

  it('gets Node streams destroyed, also in the middle of a read', async () => {
    const source = new Readable({ read() {} })
    const { sink, done } = start(source)
    await settle()
    sink.close()
    await done
    await settle()
    expect(source.destroyed).toBe(true)
    expect(logged()).toBe('')
  })

  it('gets web streams cancelled', async () => {
    const cancel = vi.fn()
    const { sink, done } = start(new ReadableStream({ cancel }))
    await settle()
    sink.close()
    await done
    expect(cancel).toHaveBeenCalledOnce()
  })

  it('makes write() reject, which is no news', async () => {
    let closed: boolean | undefined
    let error: unknown
    const sink = new FakeSink(1)
    const { done } = start(async (w: StreamWriter) => {
      await w.write('a')
      closed = w.closed
      error = await rejection(w.write('b'))
      await w.write('c')
    }, sink)
    await settle()
    sink.close()
    await done
    await settle()
    expect(closed).toBe(true)
    expect(error).toMatchObject({ name: 'ArmatureError', code: 'ARMATURE_STREAM_CLOSED' })
    expect(sink.chunks).toEqual(['a'])
    expect(logged()).toBe('')
  })

  it('hides no error of a writer, except what req.signal caused', async () => {
    const source = new FakeSource()
    const aborted = new HttpRequest(source, [])
    const run = async (fail: () => unknown) => {
      const sink = new FakeSink()
      const source = async () => {
        await settle()
        throw fail()
      }
      pump(source, sink, aborted, new AsyncResource('Test'))
      sink.close()
      await settle()
      await settle()
    }
    source.abort('client-gone')
    await run(() => aborted.signal.reason)
    expect(logged()).toBe('')
    await run(() => new Error('a bug'))
    expect(logged()).toContain('a bug')
  })

  it('does not start a source when nobody was there from the beginning', async () => {
    const next = vi.fn()
    const writer = vi.fn()
    for (const source of [{ [Symbol.asyncIterator]: () => ({ next }) }, writer]) {
      const sink = new FakeSink()
      sink.close()
      await start(source, sink).done
    }
    const stream = new Readable({ read() {} })
    const sink = new FakeSink()
    sink.close()
    await start(stream, sink).done
    expect(next).not.toHaveBeenCalled()
    expect(writer).not.toHaveBeenCalled()
    expect(stream.destroyed).toBe(true)
  })

  it('gets cleanup that fails logged', async () => {
    for (const end of [
      () => {
        throw new Error('cleanup')
      },
      () => Promise.reject(new Error('cleanup')),
    ]) {
      log.mockClear()
      const source = {
        [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}), return: end }),
      }
      const { sink, done } = start(source)
      await settle()
      sink.close()
      await done
      await settle()
      expect(logged()).toContain('could not clean up its body')
    }
  })

  it('is not noticed after the end', async () => {
    const { sink, done } = start(['a'])
    await done
    sink.close()
    expect(logged()).toBe('')
  })
})

describe('StreamWriter', () => {
  it('keeps the order of writes that nobody awaits', async () => {
    const sink = new FakeSink(2)
    let writes: Promise<void>[] = []
    const { done } = start((w: StreamWriter) => {
      writes = ['1', '2', '3', '4', '5'].map((chunk) => w.write(chunk))
    }, sink)
    await settle()
    expect(sink.text).toBe('12')
    expect(sink.state).toBe('open')
    for (let i = 0; i < 3; i++) {
      sink.drain()
      await settle()
    }
    await done
    await Promise.all(writes)
    expect(sink.text).toBe('12345')
    expect(sink.writesWhileFull).toBe(0)
    expect(sink.state).toBe('ended')
  })

  it('needs no catch on a write that nobody awaits', async () => {
    const sink = new FakeSink(1)
    const { done } = start(async (w: StreamWriter) => {
      w.write('a')
      w.write('b')
      await settle()
      w.write('c')
    }, sink)
    await Promise.resolve()
    sink.close()
    await done
    await settle()
    await settle()
    expect(sink.chunks).toEqual(['a'])
  })

  it('close() ends the body before the function ends', async () => {
    let late: unknown
    let finish = () => {}
    const { sink, done } = start(async (w: StreamWriter) => {
      await w.write('a')
      w.close()
      w.close()
      expect(w.closed).toBe(true)
      late = await rejection(w.write('b'))
      await new Promise<void>((resolve) => {
        finish = resolve
      })
    })
    await settle()
    expect(sink.state).toBe('ended')
    expect(late).toMatchObject({ code: 'ARMATURE_STREAM_CLOSED' })
    finish()
    await done
    expect(logged()).toBe('')
  })

  it('close() sends what was written before', async () => {
    const sink = new FakeSink(1)
    const { done } = start((w: StreamWriter) => {
      w.write('a')
      w.write('b')
      w.close()
    }, sink)
    await settle()
    expect(sink.text).toBe('a')
    sink.drain()
    await settle()
    sink.drain()
    await done
    expect(sink.text).toBe('ab')
    expect(sink.state).toBe('ended')
  })
})

describe('discardSource', () => {
  it('releases what the source holds', async () => {
    const cancel = vi.fn()
    discardSource(new ReadableStream({ cancel }))
    expect(cancel).toHaveBeenCalledOnce()

    const readable = new Readable({ read() {} })
    discardSource(readable)
    readable.emit('error', new Error('late'))
    expect(readable.destroyed).toBe(true)

    const generator = (function* () {
      yield 'a'
    })()
    discardSource(generator)
    expect(generator.next().done).toBe(true)

    const writer = vi.fn()
    discardSource(writer)
    discardSource(['a'])
    expect(writer).not.toHaveBeenCalled()
  })

  it('does not mind a stream that somebody else reads', () => {
    const stream = new ReadableStream()
    stream.getReader()
    expect(() => discardSource(stream)).not.toThrow()
  })

  it('does not mind what fails meanwhile', () => {
    const iterator = {
      next: () => ({ done: true as const, value: undefined }),
      return: () => {
        throw new Error('x')
      },
      [Symbol.iterator]() {
        return this
      },
    }
    expect(() => discardSource(iterator as unknown as StreamSource)).not.toThrow()
  })
})
