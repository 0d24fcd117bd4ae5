import { once } from 'node:events'
import { App, type HttpRequest } from '@armature/core'
import { testServer } from '@armature/core/testing'
import { Rooms, type StandardSchema } from '@armature/websocket'
import { expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'

interface Sent {
  say: { text: string }
  join: string
  leave: string
  count: string
}
interface Received {
  said: { name: string; text: string }
  count: { room: string; count: number; rooms: readonly string[] }
}

/** A client that keeps what it gets. */
class TestClient {
  readonly socket: WebSocket
  readonly #got: [string, unknown][] = []
  #wake: () => void = () => {}

  constructor(url: string) {
    this.socket = new WebSocket(url.replace(/^http/, 'ws'))
    this.socket.on('message', (data: Buffer) => {
      this.#got.push(JSON.parse(data.toString()) as [string, unknown])
      this.#wake()
    })
    this.socket.on('error', () => {})
  }

  static async open(url: string): Promise<TestClient> {
    const client = new TestClient(url)
    await once(client.socket, 'open')
    return client
  }

  emit(...message: unknown[]): void {
    this.socket.send(JSON.stringify(message))
  }

  /** The payload of the next event with this name. */
  async next(event: string): Promise<unknown> {
    for (;;) {
      const at = this.#got.findIndex(([name]) => name === event)
      if (at >= 0) return this.#got.splice(at, 1)[0]?.[1]
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}

function chat(rooms: Rooms<Sent, Received>) {
  return App.new().websocket(
    '/:name',
    rooms.handlers({
      upgrade: (req) => ({ name: req.param('name') }),
      member: (client) => client.data.name,
      on: {
        say(client, { text }) {
          for (const room of client.rooms) client.broadcast(room, 'said', { name: client.data.name, text })
        },
        join: (client, room) => client.join(room),
        leave: (client, room) => client.leave(room),
        count: (client, room) =>
          client.emit('count', { room, count: client.count(room), rooms: client.rooms }),
      },
    }),
  )
}

async function count(client: TestClient, room: string): Promise<unknown> {
  client.emit('count', room)
  return client.next('count')
}

test('clients join, speak, hear of each other and leave', async () => {
  const rooms = new Rooms<Sent, Received>({ presence: 0 })
  await using t = await testServer(chat(rooms))
  const [ada, bob] = [await TestClient.open(`${t.url}/ada`), await TestClient.open(`${t.url}/bob`)]
  ada.emit('join', 'tea')
  expect(await ada.next('$presence')).toEqual({ room: 'tea', count: 1 })
  bob.emit('join', 'tea')
  expect(await ada.next('$joined')).toEqual({ room: 'tea', member: 'bob', count: 2 })
  expect(await ada.next('$presence')).toEqual({ room: 'tea', count: 2 })
  expect(await bob.next('$presence')).toEqual({ room: 'tea', count: 2 })
  ada.emit('say', { text: 'hello' })
  for (const client of [ada, bob]) expect(await client.next('said')).toEqual({ name: 'ada', text: 'hello' })
  expect(rooms.count(t.server, 'tea')).toBe(2)
  expect(t.server.subscribers('rooms/tea')).toBe(2)
  rooms.emit(t.server, 'tea', 'said', { name: 'server', text: 'closing time' })
  for (const client of [ada, bob]) expect(await client.next('said')).toMatchObject({ name: 'server' })
  bob.emit('join', 'milk')
  expect(await count(bob, 'tea')).toEqual({ room: 'tea', count: 2, rooms: ['tea', 'milk'] })
  bob.emit('leave', 'tea')
  expect(await ada.next('$left')).toEqual({ room: 'tea', member: 'bob', count: 1 })
  expect(await count(bob, 'tea')).toEqual({ room: 'tea', count: 1, rooms: ['milk'] })
  bob.emit('join', 'tea')
  expect(await ada.next('$joined')).toMatchObject({ member: 'bob' })
  bob.socket.terminate()
  expect(await ada.next('$left')).toEqual({ room: 'tea', member: 'bob', count: 1 })
  ada.socket.terminate()
})

test('what is no event of the application is answered, and does no harm', async () => {
  await using t = await testServer(chat(new Rooms<Sent, Received>()))
  const client = await TestClient.open(`${t.url}/ada`)
  for (const text of ['{', '[]', '[1]', '["say",1,2]', 'null', '{"say":1}']) {
    client.socket.send(text)
    expect(await client.next('$error')).toMatchObject({ event: null })
  }
  client.socket.send(Buffer.from('["say"]'))
  expect(await client.next('$error')).toMatchObject({ event: null })
  for (const event of ['shout', 'constructor', '__proto__', 'toString']) {
    client.emit(event, {})
    expect(await client.next('$error')).toEqual({ event, issues: [{ message: 'no such event' }] })
  }
  client.emit('join', 'tea')
  client.emit('say', { text: 'still here' })
  expect(await client.next('said')).toEqual({ name: 'ada', text: 'still here' })
  client.socket.terminate()
})

/** A schema for a text, which takes its time for some. */
const text: StandardSchema<unknown, string> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate(value) {
      if (typeof value !== 'string')
        return { issues: [{ message: 'not a text', path: ['text', { key: 0 }] }] }
      const checked = { value: value.toUpperCase() }
      return value.startsWith('slow') ? new Promise((resolve) => setTimeout(resolve, 20, checked)) : checked
    },
  },
}

test('schemas check what clients send, and keep its order', async () => {
  const rooms = new Rooms<{ say: string }, { said: string }>({ schemas: { say: text } })
  const handlers = rooms.handlers({ on: { say: (client, said) => client.emit('said', said) } })
  await using t = await testServer(App.new().websocket('/', handlers))
  const client = await TestClient.open(t.url)
  client.emit('say', 7)
  expect(await client.next('$error')).toEqual({
    event: 'say',
    issues: [{ message: 'not a text', path: ['text', 0] }],
  })
  for (const word of ['slow one', 'two', 'slow three', 'four']) client.emit('say', word)
  for (const word of ['SLOW ONE', 'TWO', 'SLOW THREE', 'FOUR']) expect(await client.next('said')).toBe(word)
  client.socket.terminate()
})

test('instances with different names do not meet', async () => {
  const [one, two] = [new Rooms({ name: 'one' }), new Rooms({ name: 'two' })]
  const app = App.new()
    .websocket('/one', one.handlers({ open: (client) => client.join('x') }))
    .websocket('/two', two.handlers({ open: (client) => client.join('x') }))
  await using t = await testServer(app)
  const clients = [await TestClient.open(`${t.url}/one`), await TestClient.open(`${t.url}/two`)]
  while (one.count(t.server, 'x') + two.count(t.server, 'x') < 2) await new Promise(setImmediate)
  two.emit(t.server, 'x', 'for', 'two')
  one.emit(t.server, 'x', 'for', 'one')
  expect(await Promise.all(clients.map((client) => client.next('for')))).toEqual(['one', 'two'])
  for (const client of clients) client.socket.terminate()
})

test('of who leaves every room hears, also when one of them cannot be told', async () => {
  const log: string[] = []
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    log.push(String(text))
    return true
  })
  const rooms = new Rooms<Sent, Received>({ presence: 0 })
  let [asked, isLeaving] = [0, false]
  const closed: string[][] = []
  const handlers = rooms.handlers({
    upgrade: (req: HttpRequest<{ name: string }>) => ({ name: req.param('name') }),
    member(client) {
      if (isLeaving && ++asked !== 2) throw new Error(`member broke ${asked}`)
      return client.data.name
    },
    on: { join: (client, room) => client.join(room) },
    close(client) {
      closed.push([...client.rooms])
      if (client.data.name === 'bob') throw new Error('close broke')
    },
  })
  await using t = await testServer(App.new().websocket('/:name', handlers))
  const [ada, bob] = [await TestClient.open(`${t.url}/ada`), await TestClient.open(`${t.url}/bob`)]
  for (const room of ['tea', 'milk', 'rum']) {
    ada.emit('join', room)
    expect(await ada.next('$presence')).toEqual({ room, count: 1 })
    bob.emit('join', room)
    expect(await ada.next('$joined')).toEqual({ room, member: 'bob', count: 2 })
    expect(await ada.next('$presence')).toEqual({ room, count: 2 })
  }
  isLeaving = true
  bob.socket.terminate()
  expect(await ada.next('$left')).toEqual({ room: 'milk', member: 'bob', count: 1 })
  // All three have changed, whoever could be told by whom.
  for (const room of ['tea', 'milk', 'rum']) expect(await ada.next('$presence')).toEqual({ room, count: 1 })
  expect(closed).toEqual([['tea', 'milk', 'rum']])
  for (const what of ['member broke 1', 'member broke 3', 'close broke']) {
    await expect.poll(() => log.join('')).toContain(what)
  }
  isLeaving = false
  ada.socket.terminate()
})

test('options are checked', () => {
  expect(() => new Rooms({ presence: -1 })).toThrow(/^Rooms.presence: -1 is not/)
  expect(() => new Rooms({ name: 7 as never })).toThrow(/^Rooms.name: 7 is not/)
})
