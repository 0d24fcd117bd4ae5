// Connections of the harness's own, for what wrk cannot do: stay, wait, count.
import { connect } from 'node:net'

/** Resolves to a connected socket. */
export function open(port) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.off('error', reject)
      // Who asks hears of it; an idle connection that breaks is found by those who count them.
      socket.on('error', () => {})
      resolve(socket.setNoDelay(true).setEncoding('latin1'))
    })
    socket.once('error', reject)
  })
}

export const get = (path, more = '') => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n${more}\r\n`

/** Sends `text` and resolves to what came back when `isComplete` says so; rejects when the connection ends before. */
export function exchange(socket, text, isComplete) {
  return new Promise((resolve, reject) => {
    let received = ''
    const over = (settle, value) => {
      socket.off('data', onData).off('close', onClose)
      settle(value)
    }
    const onData = (chunk) => {
      received += chunk
      if (isComplete(received)) over(resolve, received)
    }
    const onClose = () => over(reject, new Error(`the connection ended after ${JSON.stringify(received)}`))
    socket.on('data', onData).on('close', onClose)
    socket.resume()
    socket.write(text)
  })
}

/** As {@link exchange}, until the answer contains `expected`. */
export const ask = (socket, path, expected) =>
  exchange(socket, get(path), (received) => received.includes(expected))

/** Runs `task(0)` to `task(count - 1)`, at most `width` at once; resolves to their results. */
export async function each(count, width, task) {
  const results = []
  let next = 0
  const worker = async () => {
    while (next < count) {
      const index = next++
      results[index] = await task(index)
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, count) }, worker))
  return results
}
