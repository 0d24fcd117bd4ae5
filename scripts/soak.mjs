// `npm run soak`: the long form of __test__/soak.test.ts.
import { args } from './lib/args.mjs'
import { soak } from './soak/run.mjs'

const help = `
npm run soak [-- --seconds 600] [--clients 24]

Mixed load (GET, POST, streams, pipelines, aborts, slow clients) against a server in a process of its own. Every answer
is checked against the nonce of its request. Prints the server's numbers while it runs, and at rest before and after.
`
const options = args(help, {
  seconds: { type: 'string', default: '600' },
  clients: { type: 'string', default: '24' },
})
const mib = (bytes) => `${(bytes / 1048576).toFixed(1)} MiB`
const line = (label, n) =>
  console.log(
    `${label.padStart(8)}  rss ${mib(n.rss).padStart(10)}  fds ${n.descriptors}  connections ${n.connections}  ` +
      `pending ${n.pending}  requests ${n.requests}`,
  )
const result = await soak({
  seconds: Number(options.seconds),
  clients: Number(options.clients),
  onSample: (sample) => line(`${sample.second} s`, sample),
})
line('before', result.before)
line('after', result.after)
console.log(`${result.visits} visits, every answer the right one`)
