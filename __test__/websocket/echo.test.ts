import { App } from '@armature/core'
import { testServer } from '@armature/core/testing'
import { expect, test } from 'vitest'
import { Client } from './client.js'

test('text and bytes come back as they are, whatever their size', async () => {
  const app = App.new().websocket('/echo', {
    message(socket, data) {
      socket.send(data)
    },
  })
  await using t = await testServer(app)
  await using client = await Client.open(`${t.url}/echo`)
  const messages: (string | Buffer)[] = [
    '',
    'hello',
    'ü€😀',
    'x'.repeat(125),
    'y'.repeat(126),
    'z'.repeat(70_000),
  ]
  messages.push(Buffer.alloc(0), Buffer.from([0, 255, 128]), Buffer.alloc(1_000_000, 7), 'é'.repeat(300_000))
  for (const message of messages) client.send(message)
  for (const message of messages) {
    const echo = (await client.next()) as Buffer
    expect(typeof echo).toBe(typeof message)
    expect(Buffer.from(echo).equals(Buffer.from(message as string))).toBe(true)
  }
})

test('thousands of messages of many sockets keep their order', async () => {
  const app = App.new().websocket('/', { message: (socket, data) => void socket.send(data) })
  await using t = await testServer(app)
  const clients = await Promise.all(Array.from({ length: 32 }, () => Client.open(t.url)))
  for (let i = 0; i < 500; i++) for (const client of clients) client.send(`message ${i}`)
  for (const client of clients) {
    for (let i = 0; i < 500; i++) expect(await client.next()).toBe(`message ${i}`)
    client.socket.terminate()
  }
})
