import { App, HttpResponse } from '@armature/core'
import { expect, test } from 'vitest'
import { until } from './helper.js'

/** An application that writes down what its handlers hear. */
function createApp() {
  const heard = { calls: 0, starts: 0, aborted: undefined as unknown, returned: 0, produced: 0 }
  const app = App.new({ limits: { responseBuffer: '64kb' } })
    .onStart(() => {
      heard.starts++
    })
    .get('/wait', (req) => {
      heard.calls++
      return new Promise<string>((resolve) => {
        req.signal.addEventListener('abort', () => {
          heard.aborted = req.signal.reason
          resolve('late')
        })
      })
    })
    .get('/stream', (req) => {
      heard.calls++
      req.signal.addEventListener('abort', () => {
        heard.aborted = req.signal.reason
      })
      return HttpResponse.stream(async function* () {
        try {
          for (;;) {
            heard.produced += 16_384
            yield Buffer.alloc(16_384, 'x')
          }
        } finally {
          heard.returned++
        }
      })
    })
    .get('/large', () => HttpResponse.bytes(Buffer.alloc(3_000_000, 'abc')))
    .get('/', () => 'ok')
  return { app, heard }
}

const gone = expect.objectContaining({ code: 'ARMATURE_CLIENT_GONE' })

test('cancelling the body ends the request', async () => {
  const { app, heard } = createApp()
  const res = await app.inject('/stream')
  const reader = (res.body as ReadableStream<Uint8Array>).getReader()
  expect((await reader.read()).value?.length).toBe(16_384)
  await reader.cancel()
  await until(() => heard.returned === 1, 'return() of the generator')
  expect(heard.aborted).toEqual(gone)
  expect(await (await app.inject('/')).text()).toBe('ok')
})

test('a signal rejects while there is no head, and the handler hears of it', async () => {
  const { app, heard } = createApp()
  const ways = [
    (signal: AbortSignal) => app.inject('/wait', { signal }),
    (signal: AbortSignal) => app.fetch(new Request('http://localhost/wait', { signal })),
  ]
  for (const [index, way] of ways.entries()) {
    heard.aborted = undefined
    const controller = new AbortController()
    const answer = way(controller.signal)
    await until(() => heard.calls === index + 1, 'the handler')
    const reason = new Error('changed my mind')
    controller.abort(reason)
    await expect(answer).rejects.toBe(reason)
    await until(() => heard.aborted !== undefined, 'the signal of the request')
    expect(heard.aborted).toEqual(gone)
  }
  expect(await (await app.inject('/')).text()).toBe('ok')
})

test('a signal fails the body that has begun', async () => {
  const { app, heard } = createApp()
  const controller = new AbortController()
  const res = await app.fetch(new Request('http://localhost/stream', { signal: controller.signal }))
  const text = res.text()
  await until(() => heard.produced > 1_000_000, 'a stream that is read')
  controller.abort()
  await expect(text).rejects.toMatchObject({ name: 'AbortError' })
  await until(() => heard.returned === 1, 'return() of the generator')
})

test('a signal that is aborted already keeps the request from being made', async () => {
  const { app, heard } = createApp()
  const signal = AbortSignal.abort(new Error('too late'))
  await expect(app.inject('/wait', { signal })).rejects.toThrow('too late')
  await expect(app.fetch(new Request('http://localhost/wait', { signal }))).rejects.toThrow('too late')
  expect(heard).toMatchObject({ calls: 0, starts: 0 })
})

test('a signal does not wait for onStart', async () => {
  let open = () => {}
  const app = App.new()
    .onStart(() => new Promise<void>((resolve) => (open = resolve)))
    .get('/', () => 'ok')
  const controller = new AbortController()
  const answer = app.inject('/', { signal: controller.signal })
  controller.abort(new Error('impatient'))
  await expect(answer).rejects.toThrow('impatient')
  const next = app.inject('/')
  open()
  expect(await (await next).text()).toBe('ok')
})

test('a signal does not wait for a body that never ends', async () => {
  const { app, heard } = createApp()
  const controller = new AbortController()
  const init = { method: 'POST', body: new ReadableStream(), duplex: 'half', signal: controller.signal }
  const answer = app.fetch(new Request('http://localhost/wait', init as RequestInit))
  controller.abort(new Error('impatient'))
  await expect(answer).rejects.toThrow('impatient')
  expect(heard.starts).toBe(0)
})

test('a signal that is not aborted is left alone', async () => {
  const { app } = createApp()
  const controller = new AbortController()
  const { signal } = controller
  let listeners = 0
  const { addEventListener, removeEventListener } = signal
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listeners++
    addEventListener.apply(signal, args)
  }
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listeners--
    removeEventListener.apply(signal, args)
  }
  expect(await (await app.inject('/', { signal })).text()).toBe('ok')
  expect(listeners).toBe(0)
})

test('nobody produces more than a window ahead of the reader', async () => {
  const { app, heard } = createApp()
  const res = await app.inject('/stream')
  const reader = (res.body as ReadableStream<Uint8Array>).getReader()
  let read = 0
  for (let i = 0; i < 50; i++) {
    // A turn through the engine and back: whatever may be sent is on its way.
    await app.inject('/')
    read += (await reader.read()).value?.length ?? 0
    // A window on the way to the loop, one on the way to the reader, and pieces that overdraw them.
    expect(heard.produced - read).toBeLessThanOrEqual(4 * 65_536)
  }
  await reader.cancel()
})

test('a body of many windows arrives whole', async () => {
  const { app } = createApp()
  const body = Buffer.from(await (await app.inject('/large')).arrayBuffer())
  expect(body.equals(Buffer.alloc(3_000_000, 'abc'))).toBe(true)
  const [one, two] = await Promise.all([app.inject('/large'), app.inject('/large')])
  expect((await one.clone().text()).length + (await two.text()).length).toBe(6_000_000)
})
