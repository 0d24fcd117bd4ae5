import { App, HttpError, HttpResponse, type Socket } from '@armature/core'

type Member = Socket<{ name: string }>

/** The application without a socket: `server.ts` runs it, tests call it. */
export function createApp() {
  const rooms = new Map<string, Set<Member>>()
  const tell = (room: string, text: string) => {
    for (const member of rooms.get(room) ?? []) member.send(text)
  }
  return App.new()
    .get('/', () => HttpResponse.html(PAGE))
    .websocket('/rooms/:room', {
      limits: { message: '4kb', backlog: '256kb' },
      // Who has no name is refused before there is a socket.
      upgrade: (req) => {
        const name = req.queryParam('name')
        if (!name) throw new HttpError(400, 'who are you? add ?name=')
        return { name }
      },
      open(socket) {
        const room = socket.param('room')
        const members = rooms.get(room) ?? new Set()
        rooms.set(room, members.add(socket))
        tell(room, `${socket.data.name} came, ${members.size} here`)
      },
      message(socket, data) {
        tell(socket.param('room'), `${socket.data.name}: ${data}`)
      },
      close(socket) {
        const room = socket.param('room')
        rooms.get(room)?.delete(socket)
        if (rooms.get(room)?.size === 0) rooms.delete(room)
        else tell(room, `${socket.data.name} left`)
      },
    })
}

const PAGE = `<!doctype html>
<meta charset="utf-8">
<title>chat</title>
<form><input name="text" autofocus autocomplete="off"></form>
<pre></pre>
<script>
  const name = prompt('Your name') || 'nobody'
  const socket = new WebSocket(location.origin.replace('http', 'ws') + '/rooms/lobby?name=' + encodeURIComponent(name))
  socket.onmessage = ({ data }) => document.querySelector('pre').append(data + '\\n')
  document.forms[0].onsubmit = (event) => {
    event.preventDefault()
    socket.send(event.target.text.value)
    event.target.reset()
  }
</script>
`
