import { channel, subscribe } from 'node:diagnostics_channel'
import {
  App,
  type HttpRequest,
  type RequestErrorMessage,
  type RequestFinishMessage,
  type RequestStartMessage,
} from '@armature/core'
import { currentRequest } from '@armature/core/context'

// --- the current request may be none ---
const current: HttpRequest | undefined = currentRequest()
// @ts-expect-error
currentRequest().path
const path: string | undefined = currentRequest()?.path
// @ts-expect-error
currentRequest('x')

// --- messages are read-only and have fixed members ---
subscribe('armature:request:start', (message) => {
  const { request } = message as RequestStartMessage
  request.path satisfies string
})
subscribe('armature:request:finish', (message) => {
  const finish = message as RequestFinishMessage
  finish.status satisfies number | undefined
  finish.aborted satisfies 'client-gone' | 'deadline' | 'shutdown' | undefined
  // @ts-expect-error
  finish.status.toFixed()
  // @ts-expect-error
  finish.status = 200
})
channel('armature:request:error').subscribe((message) => {
  const { request, error } = message as RequestErrorMessage
  request.id satisfies string
  // @ts-expect-error
  error.message
})

// --- options ---
App.new({ asyncResource: true })
App.new().run({ asyncResource: false })
// @ts-expect-error
App.new({ asyncResource: 'yes' })
App.new({ limits: { queueAge: '2s', queue: 100 } })
App.new({ limits: { queueAge: 2000 } })
// @ts-expect-error
App.new({ limits: { queueAge: true } })

export { current, path }
