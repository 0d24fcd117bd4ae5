import { App, HttpResponse } from '@armature/core'

/** The application without a socket: `server.ts` runs it, tests call it. */
export function createApp() {
  return App.new()
    .get('/', (req) => ({ protocol: req.protocol, version: req.tls?.version, cipher: req.tls?.cipher }))
    .get('/page', () => HttpResponse.html(PAGE))
}

/** Says over which protocol it came, and over which its next request goes. */
const PAGE = `<!doctype html>
<meta charset="utf-8">
<title>HTTP/3</title>
<p>This page came over <b id="page"></b>, a request of it over <b id="request"></b>.</p>
<button>again</button>
<script>
  const show = (id, text) => { document.getElementById(id).textContent = text }
  show('page', performance.getEntriesByType('navigation')[0].nextHopProtocol)
  const ask = async () => show('request', (await (await fetch('/')).json()).protocol)
  document.querySelector('button').onclick = ask
  ask()
</script>
`
