// The part of the report about WebSocket.

import { websocketNames } from '../works.mjs'
import { summarize, websocketColumns, websocketIdleColumns } from './figures.mjs'
import { measured, workTable } from './table.mjs'
import { idleSample, servers, websocketLoads, ws } from './websocket.mjs'

export function websocketSection({ samples, settings }) {
  const names = Object.keys(servers(websocketNames))
  const parts = Object.entries(websocketLoads).filter(([work]) => measured(samples, work, names).length > 0)
  if (parts.length === 0) return undefined
  const tables = parts.map(
    ([work, { title }]) => `${title}:\n\n${workTable(samples, work, websocketColumns, names, ws)}`,
  )
  const hasIdle = summarize(samples, 'idle', idleSample, ws).value !== undefined
  const idle = hasIdle
    ? `\n\n${settings.held} sockets that say nothing; resident memory, garbage collected before each look:\n\n${workTable(samples, idleSample, websocketIdleColumns, names, ws)}`
    : ''
  return `## WebSocket

Text messages of 64 bytes, without compression; the client is \`benchmark/sockets\`. \`${ws}\` is the package of that name. In parentheses:
the multiple of its figure.

${tables.join('\n\n')}${idle}`
}
