/**
 * `Lane`. Over 300 lines, because taking records, handling them and committing commands are steps of one loop over the same
 * private state, which every request passes through.
 */
import { performance } from 'node:perf_hooks'
import { createLane, type NativeLane, requestIdPrefix } from '../native.js'
import type { CompiledHandler } from '../plan.js'
import { type Active, ActiveRequests, type ActiveSink } from './active.js'
import { CommandBuffer, type Target } from './commands.js'
import type { LaneHandlers, LaneSettings } from './lane-handlers.js'
import { RecordKind, type RecordOwner, RequestRecord } from './record.js'
import { type SinkOwner, StreamSink } from './sink.js'
import { type LinkOwner, type SocketEvents, SocketLink, Subscribed } from './socket-link.js'
import { readReopening, Sockets } from './sockets.js'

const RECORDS = 256 * 1024
/**
 * What a native call returns when there is no record yet, but more to do once the event loop has had its turn: by the loop on this
 * thread, or by another one that has not caught up with the answers it was given.
 */
const AGAIN = 1
/** Requests and time after which the event loop gets its turn. */
const MAX_REQUESTS = 64
const MAX_MILLIS = 1
/** How often the clock is read while a batch is handled, unless requests are known to take long. */
const CLOCK_EVERY = 4
/** Requests that are taken at a time as long as nobody knows how long they take: those that are taken are in the way of all others. */
const UNKNOWN = 8
/** So many batches that have much fewer requests than are taken at a time, and it is not known any more. */
const SMALL_BATCHES = 64

// Words of every record.
const KIND = 1
const SLOT = 2
const GENERATION = 3
const HANDLER = 4
const FLAGS = 6
const BODY = 17
/** In {@link FLAGS}: the body is in the record, and ASCII. */
const FLAG_ASCII = 0x20_0000

// Taken at load, so that fake timers of a test runner do not stop a server.
const { setImmediate } = globalThis
const { nextTick } = process

/**
 * The JavaScript end of a lane: takes batches of records, hands requests to `handlers`, and sends commands back.
 *
 * One native call both commits a batch of commands and takes the next batch of records. Answers that come later are
 * committed together when the microtasks of the turn have run (`nextTick` runs after them). After 64 requests or a
 * millisecond the event loop has its turn; until then Rust knows that somebody comes back, and wakes nobody.
 */
export class Lane implements RecordOwner, SinkOwner, LinkOwner {
  readonly native: NativeLane
  readonly idPrefix = requestIdPrefix()
  readonly commands = new CommandBuffer(() => this.#commit())
  readonly #to: LaneHandlers
  readonly bodyWindow: number
  readonly #window: number
  #records = Buffer.allocUnsafeSlow(RECORDS)
  #words = new Uint32Array(this.#records.buffer)
  readonly #active = new ActiveRequests()
  readonly #sockets = new Sockets()
  /** Records are being handled: what that leads to is committed when it is done. */
  #handling = false
  /** A run will come, or records are being handled. Never two runs: each may have a millisecond of its own. */
  #scheduled = false
  /** Somebody asked for a run. */
  #wanted = false
  /** Records that were taken and wait for the event loop's turn. */
  #from = 0
  #until = 0
  #budget = MAX_REQUESTS
  #started = 0
  /** Requests that Rust hands over at a time. */
  #most = 0
  /** Batches in a row that had much fewer. */
  #small = 0
  /** A loop has not caught up: no further request is handled until it has. */
  #crowded = false
  #closed = false

  constructor(settings: LaneSettings, to: LaneHandlers) {
    this.#to = to
    this.#window = settings.responseBuffer
    this.bodyWindow = settings.requestBuffer
    this.native = createLane(settings.queue, () => this.#pump())
    this.#expect(UNKNOWN)
  }

  /** The answer to `record` comes later. When nobody waits for it, its slot may belong to another request by now. */
  track(record: RequestRecord): void {
    if (!record.isAborted) this.#active.add(record)
  }

  /**
   * A command was added: commits it, with others, at the end of this turn. When the time since the event loop's last
   * visit is up, it comes first: streams feed on their own credit and would keep everybody else waiting.
   */
  schedule(): void {
    this.#wanted = true
    if (this.#scheduled || this.#closed) return
    this.#scheduled = true
    if (performance.now() - this.#started <= MAX_MILLIS) nextTick(this.#run)
    else setImmediate(this.#resume)
  }

  /** A streamed response, whose head has not left, waits for its first piece. */
  trackStream(record: RequestRecord, sink: ActiveSink): void {
    if (record.isAborted) sink.closed()
    else this.#active.add(record).sink = sink
  }

  openStream(record: RequestRecord): StreamSink {
    const sink = new StreamSink(this, record, this.#window)
    if (record.isAborted) sink.closed()
    else this.#active.add(record).sink = sink
    return sink
  }

  writeData(record: RequestRecord, chunk: string | Uint8Array): number {
    const bytes = this.commands.data(record, chunk)
    this.schedule()
    return bytes
  }

  endStream(record: RequestRecord, complete: boolean): void {
    if (complete) this.commands.end(record)
    else this.commands.fail(record)
    this.schedule()
    this.forget(record)
    record.finish()
  }

  grantBody(record: RequestRecord, bytes: number): void {
    // The first read may come before the handler has returned, and with it before anybody tracks the request.
    this.#active.add(record)
    this.commands.grant(record, bytes)
    this.schedule()
  }

  /** The request becomes a WebSocket. */
  openSocket(record: RequestRecord, events: SocketEvents): void {
    // When nobody waits for it, its slot may belong to another request by now.
    if (!record.isAborted) this.#sockets.add(new SocketLink(this, record, this.#isolated(events)))
  }

  sendMessage(link: Target, data: string | Uint8Array): number {
    const bytes = this.commands.send(link, data)
    this.#said()
    return bytes
  }

  closeSocket(link: Target, code: number, reason: string): void {
    this.commands.close(link, code, reason)
    this.#said()
  }

  cutSocket(link: Target): void {
    this.commands.cut(link)
    this.#said()
  }

  grantSocket(link: Target, bytes: number): void {
    this.commands.grant(link, bytes)
    this.#said()
  }

  keepSocket(link: Target, state: Uint8Array, leaves: boolean): void {
    this.commands.keep(link, state, leaves)
    this.#said()
  }

  subscribeSocket({ slot, generation }: Target, topic: string): Subscribed {
    if (this.#closed) return Subscribed.SocketOver
    // Whoever subscribes is not to get what was published before: that leaves first.
    this.#commit()
    return this.native.subscribe(slot, generation, topic) as Subscribed
  }

  unsubscribeSocket({ slot, generation }: Target, topic: string): void {
    if (this.#closed) return
    this.#commit()
    this.native.unsubscribe(slot, generation, topic)
  }

  publish(link: Target | null, topic: string, data: string | Uint8Array): void {
    if (this.#closed) return
    this.commands.publish(link, topic, data)
    this.#said()
  }

  subscribers(topic: string): number {
    return this.#closed ? 0 : this.native.subscribers(topic)
  }

  cancelBody(record: RequestRecord): void {
    this.commands.cancel(record)
    this.schedule()
  }

  forget(record: RequestRecord): void {
    this.#active.delete(record)
  }

  /**
   * Ends the lane; requests in progress hear that nobody waits. With `othersGoOn` WebSockets that outlive their thread hear nothing:
   * another one has them next, and hears what becomes of them.
   */
  close(othersGoOn = false): void {
    if (this.#closed) return
    this.#commit()
    this.#closed = true
    this.native.close()
    for (const active of this.#active.values()) this.#abort(active, 3)
    for (const link of this.#sockets.values()) {
      if (othersGoOn && link.canMove) link.left()
      else link.closed(1006, '')
    }
  }

  /** A command was added, perhaps while records are handled: those commit when they are. */
  #said(): void {
    if (!this.#handling) this.schedule()
  }

  #isolated(events: SocketEvents): SocketEvents {
    const to = this.#to
    return {
      open: (link) => to.isolated(events.open, events, link),
      message: (message) => to.isolated(events.message, events, message),
      drain: () => to.isolated(events.drain, events, undefined),
      closed: (farewell) => to.isolated(events.closed, events, farewell),
      left: () => events.left(),
      state: () => events.state(),
    }
  }

  /** Another thread had the socket. */
  #reopen(handler: number, target: Target, at: number, start: number): void {
    const reopening = readReopening(this.#words, at, this.#records, start)
    const events = this.#to.handlers[handler]?.socket?.revive(reopening)
    if (events === undefined) {
      this.closeSocket(target, 1012, 'the server restarts')
      return
    }
    const link = new SocketLink(this, target, this.#isolated(events))
    this.#sockets.add(link)
    link.opened(reopening, reopening.buffered)
  }

  /** Called by Rust: the lane has something. */
  #pump(): void {
    if (this.#scheduled || this.#closed) return
    this.#renew()
    this.#turn()
  }

  // A tick that is scheduled before microtasks have run comes before them: it would find no answers of theirs.
  readonly #afterMicrotasks = (): void => {
    nextTick(this.#run)
  }

  readonly #run = (): void => {
    this.#scheduled = false
    if (this.#closed) return
    // Records that were left when the time was up come before new ones, which would overwrite them.
    if (this.#from < this.#until && !this.#process()) return
    this.#turn()
  }

  readonly #resume = (): void => {
    this.#renew()
    // What was answered since, by promises.
    if (this.#from < this.#until || this.#crowded) this.#commit()
    if (this.#crowded && !this.#closed) setImmediate(this.#resume)
    else this.#run()
  }

  #renew(): void {
    this.#budget = MAX_REQUESTS
    this.#started = performance.now()
  }

  #turn(): void {
    for (;;) {
      const { commands } = this
      this.#crowded = false
      const bytes = this.native.turn(commands.bytes, commands.length, this.#records)
      commands.reset()
      if (bytes === 0) return
      if (bytes < 0) {
        this.#grow(-bytes)
        continue
      }
      this.#from = 0
      this.#until = bytes === AGAIN ? 0 : bytes
      if (bytes === AGAIN || this.#budget <= 0 || performance.now() - this.#started > MAX_MILLIS) {
        this.#scheduled = true
        setImmediate(this.#resume)
        return
      }
      if (!this.#process()) return
    }
  }

  /** Handles the records that were taken. False when the rest of the work has been scheduled. */
  #process(): boolean {
    this.#scheduled = true
    this.#wanted = false
    let later = true
    this.#handling = true
    try {
      later = this.#handle() || this.#wanted
    } finally {
      this.#handling = false
      // Should a defect throw here, the next turn still comes: later stays true.
      const isTimeUp = this.#from < this.#until
      this.#scheduled = later || isTimeUp
      if (isTimeUp) {
        this.#expect(MAX_REQUESTS - this.#budget)
        // What is answered leaves now, what is left waits for the event loop's turn.
        setImmediate(this.#resume)
        this.#commit()
      } else if (later) RESOLVED.then(this.#afterMicrotasks)
    }
    return !this.#scheduled
  }

  /**
   * So many requests are handled before the event loop's turn. No more are taken at a time: those that are taken and wait are
   * in the way of everybody who comes, and Rust would know whose turn it is.
   */
  #expect(requests: number): void {
    const most = Math.min(Math.max(requests, 1), MAX_REQUESTS)
    this.#small = 0
    if (most === this.#most) return
    this.#most = most
    this.native.handOver(most)
  }

  /** All that was taken, in time. */
  #handledInTime(requests: number): void {
    if (requests >= this.#most) this.#expect(requests * 2)
    else if (requests > this.#most / 4) this.#small = 0
    else if (this.#most > UNKNOWN && ++this.#small === SMALL_BATCHES) this.#expect(UNKNOWN)
  }

  /** Handles records until they are all done or the time is up. True when an answer comes later. */
  #handle(): boolean {
    const words = this.#words
    const clockEvery = this.#most < MAX_REQUESTS / CLOCK_EVERY ? 1 : CLOCK_EVERY
    let later = false
    let count = 0
    while (this.#from < this.#until) {
      const start = this.#from
      const at = start / 4
      this.#from += words[at] as number
      if (words[at + KIND] !== RecordKind.Request) {
        this.#event(at, start)
        // A message is as much work as a request.
        if (words[at + KIND] !== RecordKind.SocketMessage) continue
        this.#budget--
        if (++count % clockEvery === 0 && performance.now() - this.#started > MAX_MILLIS) break
        continue
      }
      const record = new RequestRecord(
        this,
        this.#to.handlers[words[at + HANDLER] as number] as CompiledHandler,
        words[at + SLOT] as number,
        words[at + GENERATION] as number,
        this.#records,
        start,
        this.#from,
        words[at + BODY] as number,
        ((words[at + FLAGS] as number) & FLAG_ASCII) !== 0,
      )
      if (this.#to.request(record)) later = true
      this.#budget--
      count++
      if (this.#crowded) break
      if (count % clockEvery === 0 && performance.now() - this.#started > MAX_MILLIS) break
    }
    if (this.#from === this.#until) this.#handledInTime(count)
    return later
  }

  /** Sends commands without taking records. */
  #commit(): void {
    const { commands } = this
    if ((commands.length > 0 || this.#crowded) && !this.#closed) {
      this.#crowded = this.native.turn(commands.bytes, commands.length, NO_RECORDS) === AGAIN
    }
    commands.reset()
  }

  #event(at: number, start: number): void {
    const words = this.#words
    const slot = words[at + SLOT] as number
    const value = words[at + 4] as number
    switch (words[at + KIND]) {
      case RecordKind.InjectedHead:
        this.#to.injectedHead(slot, value, this.#bytes(start, words[at + 5] as number))
        break
      case RecordKind.InjectedData:
        this.#to.injectedData(slot, this.#bytes(start, words[at + 5] as number))
        break
      case RecordKind.InjectedEnd:
        this.#to.injectedEnd(slot, value !== 0)
        break
      case RecordKind.Closed:
        this.#to.closed(value)
        break
      case RecordKind.SocketReopen:
        this.#reopen(value, { slot, generation: words[at + GENERATION] as number }, at, start)
        break
      case RecordKind.Warning:
        this.#to.warning(value, this.#bytes(start, words[at + 5] as number).toString())
        break
      default:
        this.#mine(slot, words[at + GENERATION] as number, at, start)
    }
  }

  /** A record about a request or a socket, if JavaScript still has it. */
  #mine(slot: number, generation: number, at: number, start: number): void {
    const link = this.#sockets.find(slot, generation)
    if (link === undefined) this.#about(this.#active.find(slot, generation), at, start)
    else this.#sockets.record(link, this.#words, at, this.#records, start)
  }

  /** A record about a request that JavaScript has. */
  #about(active: Active | undefined, at: number, start: number): void {
    if (active === undefined) return
    const words = this.#words
    const value = words[at + 4] as number
    switch (words[at + KIND]) {
      case RecordKind.BodyData:
        active.record.bodyData(this.#bytes(start, words[at + 5] as number))
        break
      case RecordKind.BodyEnd:
        active.record.bodyEnd()
        break
      case RecordKind.BodyError:
        active.record.bodyFault(value)
        break
      case RecordKind.Credit:
        active.sink?.credit?.(value)
        break
      case RecordKind.Abort:
        this.#abort(active, value)
        break
    }
  }

  #abort(active: Active, reason: number): void {
    if (active.sink !== null) this.forget(active.record)
    active.record.abort(reason)
    active.sink?.closed()
  }

  /** A copy of the bytes of a record that has two words of its own. */
  #bytes(start: number, length: number): Buffer {
    const at = start + 24
    const copy = Buffer.allocUnsafeSlow(length)
    this.#records.copy(copy, 0, at, at + length)
    return copy
  }

  #grow(size: number): void {
    this.#records = Buffer.allocUnsafeSlow((size + 0xffff) & ~0xffff)
    this.#words = new Uint32Array(this.#records.buffer)
  }
}

const NO_RECORDS = Buffer.alloc(0)
const RESOLVED = Promise.resolve()
