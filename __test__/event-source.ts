import { type ClientRequest, type IncomingMessage, request } from 'node:http'

/** An event as a listener gets it. */
export interface Dispatched {
  type: string
  data: string
  lastEventId: string
}

/** The event stream format of WHATWG HTML section 9.2.6, to the letter: characters in, events out. */
export class EventStreamParser {
  readonly events: Dispatched[] = []
  /** Lines that were comments, without their colon. */
  readonly comments: string[] = []
  lastEventId = ''
  retry: number | undefined
  #text = ''
  #isFirst = true
  #data = ''
  #type = ''
  #id = ''

  push(chunk: string): void {
    if (this.#isFirst && chunk !== '') {
      this.#isFirst = false
      if (chunk.startsWith('\ufeff')) chunk = chunk.slice(1)
    }
    this.#text += chunk
    for (;;) {
      const end = /\r\n|\n|\r(?!$)/.exec(this.#text)
      if (end === null) return
      const line = this.#text.slice(0, end.index)
      this.#text = this.#text.slice(end.index + end[0].length)
      this.#line(line)
    }
  }

  #line(line: string): void {
    if (line === '') {
      this.#dispatch()
      return
    }
    const colon = line.indexOf(':')
    if (colon === 0) return void this.comments.push(line.slice(1))
    const field = colon < 0 ? line : line.slice(0, colon)
    const rest = colon < 0 ? '' : line.slice(colon + 1)
    const value = rest.startsWith(' ') ? rest.slice(1) : rest
    if (field === 'event') this.#type = value
    else if (field === 'data') this.#data += `${value}\n`
    else if (field === 'id' && !value.includes('\0')) this.#id = value
    else if (field === 'retry' && /^[0-9]+$/.test(value)) this.retry = Number(value)
  }

  #dispatch(): void {
    this.lastEventId = this.#id
    if (this.#data === '') {
      this.#type = ''
      return
    }
    const type = this.#type === '' ? 'message' : this.#type
    this.events.push({ type, data: this.#data.slice(0, -1), lastEventId: this.lastEventId })
    this.#data = ''
    this.#type = ''
  }
}

/** `EventSource` of WHATWG HTML section 9.2, as far as a server can tell: connects again until it is told not to. */
export class TestEventSource implements Disposable {
  readyState: 'connecting' | 'open' | 'closed' = 'connecting'
  readonly events: Dispatched[] = []
  readonly comments: string[] = []
  readonly heads: IncomingMessage[] = []
  lastEventId = ''
  /** What a browser takes is some seconds. */
  retry = 50
  readonly #url: string
  #request: ClientRequest | undefined
  #timer: NodeJS.Timeout | undefined
  #wake: () => void = () => {}

  constructor(url: string) {
    this.#url = url
    this.#connect()
  }

  /** Resolves when `condition` holds. */
  async until(condition: (source: this) => boolean): Promise<void> {
    while (!condition(this)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  [Symbol.dispose](): void {
    this.#close()
  }

  #close(): void {
    this.readyState = 'closed'
    clearTimeout(this.#timer)
    this.#request?.destroy()
    this.#wake()
  }

  #connect(): void {
    this.readyState = 'connecting'
    const headers: Record<string, string> = { accept: 'text/event-stream', 'cache-control': 'no-store' }
    // The header has bytes, those of UTF-8.
    if (this.lastEventId !== '') headers['last-event-id'] = Buffer.from(this.lastEventId).toString('latin1')
    let wasTold = false
    const again = () => {
      if (wasTold || this.readyState === 'closed') return
      wasTold = true
      this.readyState = 'connecting'
      this.#timer = setTimeout(() => this.#connect(), this.retry)
      this.#wake()
    }
    this.#request = request(this.#url, { headers, agent: false }, (res) => {
      this.heads.push(res)
      const isEvents = /^text\/event-stream\s*(;|$)/i.test(res.headers['content-type'] ?? '')
      if (res.statusCode !== 200 || !isEvents) return this.#close()
      this.readyState = 'open'
      this.#wake()
      const parser = new EventStreamParser()
      parser.lastEventId = this.lastEventId
      res.setEncoding('utf8')
      res.on('data', (chunk: string) => {
        parser.push(chunk)
        this.events.push(...parser.events.splice(0))
        this.comments.push(...parser.comments.splice(0))
        this.lastEventId = parser.lastEventId
        this.retry = parser.retry ?? this.retry
        this.#wake()
      })
      res.on('close', again)
    })
    this.#request.on('error', again)
    this.#request.end()
  }
}
