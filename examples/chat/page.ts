/** The page: `?name=` and `?room=` say who comes where. */
export const PAGE = `<!doctype html>
<meta charset="utf-8">
<title>chat</title>
<p>Room <b id="room"></b>, <span id="count">0</span> here</p>
<form><input name="text" autofocus autocomplete="off" placeholder="text, or /room name"></form>
<pre id="log"></pre>
<script>
  const query = new URLSearchParams(location.search)
  const name = query.get('name') || prompt('Your name') || 'nobody'
  const $ = (id) => document.getElementById(id)
  const log = (line) => $('log').append(line + '\\n')
  const room = (to) => { $('room').textContent = to }
  const first = query.get('room') || 'lobby'
  room(first)

  const url = location.origin.replace('http', 'ws') + '/rooms/' + encodeURIComponent(first)
  const socket = new WebSocket(url + '?name=' + encodeURIComponent(name))
  const emit = (event, payload) => socket.send(JSON.stringify([event, payload]))
  const on = {
    said: ({ name, text }) => log(name + ': ' + text),
    $joined: ({ member }) => log(member + ' came'),
    $left: ({ member }) => log(member + ' left'),
    $presence: ({ room: where, count }) => { if (where === $('room').textContent) $('count').textContent = count },
    $error: ({ issues }) => log(issues.map(({ message }) => message).join(', ')),
  }
  socket.onmessage = ({ data }) => {
    const [event, payload] = JSON.parse(data)
    on[event]?.(payload)
  }
  socket.onclose = ({ code }) => log('closed: ' + code)
  document.forms[0].onsubmit = (event) => {
    event.preventDefault()
    const text = event.target.text.value
    const to = /^\\/room (.+)/.exec(text)?.[1]
    if (to) { emit('move', { room: to }); room(to) }
    else emit('say', { text })
    event.target.reset()
  }
</script>
`
