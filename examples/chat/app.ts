import { App, HttpError, HttpResponse } from '@armature/core'
import { Rooms } from '@armature/websocket'
import { PAGE } from './page.js'

/** What clients send. */
interface Sent {
  say: { text: string }
  move: { room: string }
}

/** What they get. */
interface Received {
  said: { name: string; text: string }
}

/** The application without a socket: `server.ts` runs it, tests call it. */
export function createApp() {
  const rooms = new Rooms<Sent, Received>({ name: 'chat', presence: 20 })
  return App.new()
    .get('/', () => HttpResponse.html(PAGE))
    .websocket(
      '/rooms/:room',
      rooms.handlers({
        limits: { message: '4kb', backlog: '256kb' },
        // Who has no name is refused before there is a socket.
        upgrade: (req) => {
          const name = req.queryParam('name')
          if (!name) throw new HttpError(400, 'who are you? add ?name=')
          return { name }
        },
        member: (client) => client.data.name,
        open(client) {
          client.join(client.param('room'))
        },
        // After a reload, or in place of a thread that died: the client is in its rooms as before.
        reopen() {},
        on: {
          say(client, payload) {
            const text = textOf(payload?.text)
            for (const room of client.rooms) client.broadcast(room, 'said', { name: client.data.name, text })
          },
          move(client, payload) {
            const room = textOf(payload?.room)
            for (const before of client.rooms) client.leave(before)
            client.join(room)
          },
        },
      }),
    )
}

/** Types are a promise of the client: what it sends is checked, here by hand. */
function textOf(value: unknown): string {
  return typeof value === 'string' && value !== '' ? value.slice(0, 200) : '...'
}
