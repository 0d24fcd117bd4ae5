import { App, HttpResponse, type SseEvent, type SseOptions, type SseSource } from '@armature/core'

async function* events(): AsyncGenerator<SseEvent | string> {
  yield 'text'
  yield { data: { any: 'value' }, event: 'name', id: 7, retry: '1s', comment: 'why' }
}

export const sources: SseSource[] = [
  events(),
  ['a', { data: 1 }],
  new ReadableStream<SseEvent>(),
  new Set(['a']),
]
export const options: SseOptions[] = [
  {},
  { heartbeat: '10s', retry: 1000 },
  { heartbeat: 0, retry: undefined },
]
export const app = App.new().get('/', (req) => {
  const id: string | undefined = req.lastEventId
  return HttpResponse.sse(id === undefined ? events() : [], { retry: '5s' })
})

// --- Not what a client would understand ---
// @ts-expect-error
HttpResponse.sse([{ type: 'message', data: 1 }])
// @ts-expect-error
HttpResponse.sse([{ data: 1, event: 7 }])
// @ts-expect-error
HttpResponse.sse([7])
// @ts-expect-error
HttpResponse.sse(events)
// @ts-expect-error
HttpResponse.sse([], { heartbeat: false })
// @ts-expect-error
HttpResponse.sse([], { interval: 1000 })
