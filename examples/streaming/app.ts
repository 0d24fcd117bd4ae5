import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { App, HttpResponse } from '@armature/core'

/** The application without a socket: `server.ts` runs it, tests call it. */
export function createApp() {
  return (
    App.new()
      // A generator is a body: it is asked for more only when the client has taken what it got.
      .get('/count/:to', (req) => count(Number(req.param('to'))))
      // The function form writes; awaiting a write is the back-pressure. It ends when the client has left.
      .get('/ticks', (req) =>
        HttpResponse.stream(
          async (writer) => {
            for (let tick = 0; tick < 5 && !writer.closed; tick++) {
              await writer.write(`tick ${tick}\n`)
              await sleep(100, undefined, { signal: req.signal })
            }
          },
          { type: 'text/plain; charset=utf-8' },
        ),
      )
      // An upload of any size, never held in memory: hashed piece by piece.
      .put('/upload', { limits: { body: '1gb' } }, async (req) => {
        const hash = createHash('sha256')
        let bytes = 0
        for await (const chunk of req) {
          hash.update(chunk)
          bytes += chunk.length
        }
        return { bytes, sha256: hash.digest('hex') }
      })
  )
}

async function* count(to: number) {
  for (let n = 1; n <= to; n++) yield `${n}\n`
}
