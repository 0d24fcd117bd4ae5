// What is published to a topic, compressed once for all, between messages of each socket's own: for clients that others wrote.
import { App, type WebSocketDeflate } from '@armature/core'
import { testServer } from '@armature/core/testing'
import { expect, test } from 'vitest'
import { Client } from './client.js'
import { Inflater } from './flate.js'
import { frame, HANDSHAKE, Op, RawSocket } from './raw.js'

/** Echoes to the socket, and publishes what begins with `all`. */
const feed = (deflate: WebSocketDeflate | false) =>
  App.new().websocket('/', {
    deflate,
    open(socket) {
      socket.subscribe('all')
      socket.send('open')
    },
    message(socket, data) {
      socket.send(`own ${data}`)
      if (String(data).startsWith('all')) socket.publish('all', data)
    },
  })

const text = (n: number) => `all ${n} of the words that come again and again, ${'and again '.repeat(n % 50)}`

for (const [name, io] of [
  ['one IO thread', 1],
  ['three IO threads', 3],
  ['IO on the JavaScript thread', 'inline'],
] as const) {
  test(`contexts of ws survive what is published between: ${name}`, { timeout: 30_000 }, async () => {
    await using t = await testServer(feed({ contextTakeover: true, threshold: 0 }), { run: { io } })
    const open = async () => {
      const client = await Client.open(t.server.url, [], { perMessageDeflate: { threshold: 0 } })
      expect(client.socket.extensions).toBe('permessage-deflate')
      expect(await client.next()).toBe('open')
      return client
    }
    const clients = await Promise.all(Array.from({ length: 20 }, open))
    const [speaker, ...others] = clients as [Client, ...Client[]]
    for (let n = 0; n < 60; n++) {
      speaker.send(text(n))
      expect(await speaker.next()).toBe(`own ${text(n)}`)
      for (const other of others) {
        expect(await other.next()).toBe(text(n))
        other.send(`${n}`)
        expect(await other.next()).toBe(`own ${n}`)
      }
    }
    const { published, compressed, delivered } = t.server.stats().webSockets
    expect({ published, compressed, delivered }).toEqual({
      published: 60,
      compressed: 60,
      delivered: 60 * 19,
    })
    for (const client of clients) client.socket.terminate()
  })
}

test('a message is compressed once for each window, and not below the threshold', async () => {
  await using t = await testServer(feed({ threshold: 40, contextTakeover: true }))
  const offers = [
    'permessage-deflate',
    'permessage-deflate',
    'permessage-deflate; server_max_window_bits=9',
    'none',
  ]
  const sockets = await Promise.all(
    offers.map((offer) =>
      RawSocket.open(t.server.port, '/', `${HANDSHAKE}sec-websocket-extensions: ${offer}\r\n`),
    ),
  )
  for (const socket of sockets) expect(String((await socket.next())?.payload)).toBe('open')
  const speaker = await Client.open(t.server.url)
  const inflaters = [15, 15, 9].map((windowBits) => new Inflater({ windowBits }))
  const long = `all ${'0123456789 '.repeat(500)}`
  for (const [message, times] of [
    [long, 2],
    ['all of it is short', 2],
    [long.slice(0, 3000), 4],
  ] as const) {
    speaker.send(message)
    for (const [index, socket] of sockets.entries()) {
      const got = await socket.next()
      const isCompressed = index < 3 && message.length >= 40
      expect([got?.opcode, got?.compressed ?? false]).toEqual([Op.Text, isCompressed])
      const payload = got?.payload as Buffer
      const content = isCompressed ? await inflaters[index]?.message(payload) : payload
      expect(String(content)).toBe(message)
    }
    expect(t.server.stats().webSockets.compressed).toBe(times)
  }
  sockets[0]?.send(frame(Op.Text, 'x'.repeat(100)))
  const own = (await sockets[0]?.next())?.payload as Buffer
  expect(String(await inflaters[0]?.message(own))).toBe(`own ${'x'.repeat(100)}`)
  for (const socket of sockets) await socket[Symbol.asyncDispose]()
  await speaker[Symbol.asyncDispose]()
})
