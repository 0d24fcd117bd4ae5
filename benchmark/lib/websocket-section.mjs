// The part of the report about WebSocket.

import { websocketNames } from '../works.mjs'
import { summarize, websocketColumns, websocketIdleColumns, websocketStreamColumns } from './figures.mjs'
import { measured, workTable } from './table.mjs'
import { idleLoads, servers, websocketLoads, ws } from './websocket.mjs'

export function websocketSection({ samples, settings }) {
  const names = Object.keys(servers(websocketNames))
  const parts = Object.entries(websocketLoads).filter(([work]) => measured(samples, work, names).length > 0)
  if (parts.length === 0) return undefined
  const tables = parts.map(
    ([work, { title }]) => `${title}:\n\n${workTable(samples, work, websocketColumns, names, ws)}`,
  )
  const idle = Object.entries(idleLoads)
    .filter(([work, { key }]) => summarize(samples, key, work, ws).value !== undefined)
    .map(([work, { key }]) => {
      const [what, columns] =
        key === 'idle' ? ['sockets', websocketIdleColumns] : ['streams of events', websocketStreamColumns]
      const title = `${settings.held} ${what} that say nothing; resident memory, garbage collected before each look`
      return `\n\n${title}:\n\n${workTable(samples, work, columns, names, ws)}`
    })
  return `## WebSocket

Text messages of 64 bytes where nothing else is said, without compression; the client is \`benchmark/sockets\`. CPU time is that between the
first message and the last one. \`${ws}\` is the package of that name; its streams of events are those of \`node:http\`. In parentheses: the
multiple of its figure.

${tables.join('\n\n')}${idle.join('')}`
}
