import { threadId } from 'node:worker_threads'
import { App, HttpResponse, isPrimary } from '@armature/core'

/** The application of every thread: each has its own copy of what is declared here. */
export function createApp() {
  let answered = 0
  return (
    App.new()
      .get('/', () => ({ thread: threadId, answered: ++answered }))
      // Computes without a pause. Whoever asks meanwhile is answered by another thread.
      .get('/primes/:to', (req) => ({ thread: threadId, primes: primes(Number(req.param('to'))) }))
      // Ends the worker that gets it: another one takes its place, and connections stay.
      .post('/exit', () => {
        if (isPrimary) return HttpResponse.conflict('the primary thread stays; ask again')
        process.exit(1)
      })
  )
}

function primes(to: number): number {
  let count = 0
  for (let n = 2; n <= to; n++) {
    let divisor = 2
    while (divisor * divisor <= n && n % divisor !== 0) divisor++
    if (divisor * divisor > n) count++
  }
  return count
}
