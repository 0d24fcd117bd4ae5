/** Open it in two windows. */
export const page = `<!doctype html>
<meta charset="utf-8">
<title>Live counter</title>
<h1><output id="count">…</output></h1>
<button id="increment">Increment</button>
<p id="state">connecting</p>
<script>
  const show = (id, text) => { document.getElementById(id).textContent = text }
  const events = new EventSource('/events')
  events.addEventListener('count', (event) => show('count', JSON.parse(event.data).count))
  events.addEventListener('open', () => show('state', 'connected'))
  events.addEventListener('error', () => show('state', 'connecting again'))
  document.getElementById('increment').addEventListener('click', () => fetch('/increment', { method: 'POST' }))
</script>
`
