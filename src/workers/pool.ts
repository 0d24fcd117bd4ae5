import { ArmatureError } from '../errors.js'
import { entryPath } from './entry.js'
import { Member, type ServerControl } from './member.js'
import { errorOf, type FromWorker } from './messages.js'
import { findPlace, type Place, watchPlaces } from './places.js'
import { Start } from './start.js'
import type { WorkerTimes } from './times.js'
import { PoolWorker, type WorkerOwner } from './worker.js'

// Taken at load, so that fake timers of a test runner do not keep threads.
const { setTimeout, clearTimeout } = globalThis

const pools = new Map<string, Pool>()

/** The workers of one entry module. They serve every server that names it: an entry runs once in each thread. */
export class Pool implements WorkerOwner {
  readonly #entry: string
  /** Of the first server. */
  readonly times: WorkerTimes
  /** Whether it is the module of the process, in which each call of `run()` is that of the primary thread. */
  readonly #isOwn: boolean
  /** Servers so far. In a module of their own, the n-th call of `run()` is for the n-th of them. */
  #servers = 0
  readonly #workers = new Set<PoolWorker>()
  readonly #members = new Set<Member>()
  readonly #starts = new Set<Start>()
  /** The generation that serves, and the last that was begun. */
  #generation = 0
  #lastGeneration = 0
  #reloading: Promise<void> | null = null
  /** Workers whose failure somebody has been told. */
  readonly #blamed = new WeakSet<PoolWorker>()
  /** Calls of `run()` that came before this thread had come as far. */
  #early: [worker: PoolWorker, message: FromWorker & { type: 'run' }][] = []
  readonly #unwatch: () => void

  /** The pool of the option `entry`, which exists while a server needs it. */
  static of(entry: string | null, times: WorkerTimes): Pool {
    const path = entryPath(entry)
    const pool = pools.get(path) ?? new Pool(path, entry === null, times)
    pools.set(path, pool)
    return pool
  }

  private constructor(entry: string, isOwn: boolean, times: WorkerTimes) {
    this.#entry = entry
    this.times = times
    this.#isOwn = isOwn
    this.#unwatch = watchPlaces(() => this.#answerEarly())
  }

  get workers(): PoolWorker[] {
    return [...this.#workers]
  }

  /** Has workers serve a server with `count` threads, which has `place`. */
  enter(place: Place, control: ServerControl, count: number): Member {
    this.#servers++
    const member = new Member(this, place, control, count, this.#servers)
    this.#members.add(member)
    const generation = this.#generation
    this.#spawn(generation)
    member.start = this.#begin(generation, [member])
    this.#answerEarly()
    const rest = () => {
      // Its own routes serve until threads of a later generation have theirs.
      if (generation > 0) control.advance(generation)
      for (const worker of this.#workers) worker.setReferenced(false)
    }
    member.started.then(rest).catch(() => {})
    return member
  }

  /** A server is to end: for threads that no other one needs nobody follows. */
  release(): void {
    const needed = [...this.#members].filter(({ isStopping }) => !isStopping)
    for (const worker of this.#workers) {
      const { index, generation } = worker
      worker.isLeaving ||= !needed.some((member) => member.needs(index, generation))
    }
  }

  /** `member` needs its workers no longer; those that nobody needs end. */
  async leave(member: Member): Promise<void> {
    this.#members.delete(member)
    const isSpare = ({ index, generation }: PoolWorker) =>
      ![...this.#members].some((one) => one.needs(index, generation))
    const spare = this.workers.filter(isSpare)
    if (this.#members.size === 0) {
      pools.delete(this.#entry)
      this.#unwatch()
    }
    await Promise.all(spare.map((worker) => worker.end(false)))
  }

  /** What `member` waits for does not come. */
  giveUp(member: Member, error: Error): void {
    for (const start of this.#starts) if (start.concerns(member.server)) start.fail(error)
  }

  /**
   * Starts threads with the code that is on disk now, has them serve in place of all others, and lets these finish what they
   * have. Resolves when the new ones serve. When they do not start, rejects with their error, and everything stays.
   */
  reload(): Promise<void> {
    this.#reloading ??= this.#reload().finally(() => {
      this.#reloading = null
    })
    return this.#reloading
  }

  async #reload(): Promise<void> {
    await this.#endOld()
    const members = [...this.#members]
    const generation = ++this.#lastGeneration
    const crew = this.#spawn(generation)
    const start = this.#begin(generation, members)
    try {
      await start.done
      for (const { control } of members) control.advance(generation)
    } catch (error) {
      for (const { control } of members) control.discard(generation)
      await Promise.all(crew.map((worker) => worker.end(true)))
      throw error
    }
    this.#generation = generation
    for (const worker of crew) worker.setReferenced(false)
    for (const worker of this.workers) if (worker.generation < generation) this.#dismiss(worker)
  }

  /** Has a thread finish what it has; it ends when it serves nothing any more. */
  #dismiss(worker: PoolWorker): void {
    worker.isLeaving = true
    if (worker.serves.size === 0) void worker.end(false)
    for (const server of worker.serves) worker.say({ type: 'stop', server, timeout: this.times.linger })
  }

  /** Threads that a reload has dismissed end before the next one: there are never more than two generations. */
  async #endOld(): Promise<void> {
    const old = this.workers.filter((worker) => worker.isLeaving)
    if (old.length === 0) return
    const patience = Math.max(0, ...[...this.#members].map(({ control }) => control.patience))
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, patience)
    })
    await Promise.race([late, Promise.all(old.map((worker) => worker.gone()))])
    clearTimeout(timer)
    await Promise.all(old.map((worker) => worker.end(true)))
  }

  /** Starts the threads of `generation` that there are not. */
  #spawn(generation: number): PoolWorker[] {
    const crew: PoolWorker[] = []
    const has = (index: number) =>
      this.workers.some((worker) => worker.index === index && worker.generation === generation)
    const isNeeded = (index: number) => [...this.#members].some((member) => member.needs(index, generation))
    for (let index = 1; isNeeded(index); index++) {
      if (!has(index)) crew.push(new PoolWorker(index, generation, this.#entry, this))
    }
    for (const worker of crew) this.#workers.add(worker)
    return crew
  }

  #begin(generation: number, members: readonly Member[]): Start {
    const start = new Start(generation, pairs(members, generation), this.times.start)
    this.#starts.add(start)
    const over = () => {
      this.#starts.delete(start)
    }
    start.done.then(over, over)
    return start
  }

  receive(worker: PoolWorker, message: FromWorker): void {
    const { index, generation } = worker
    switch (message.type) {
      case 'run':
        this.#answer(worker, message)
        break
      case 'attached': {
        worker.serves.add(message.server)
        const mine = [...this.#members].filter((member) => member.needs(index, generation))
        if (mine.every(({ server }) => worker.serves.has(server))) worker.settled()
        for (const start of this.#of(generation)) start.attached(index, message.server)
        break
      }
      case 'failed': {
        const error = errorOf(message.error)
        for (const start of this.#of(generation)) {
          start.fail(error)
          this.#blamed.add(worker)
        }
        break
      }
      case 'stopped': {
        worker.serves.delete(message.server)
        const error = message.error && errorOf(message.error)
        const member = [...this.#members].find(({ server }) => server === message.server)
        const isReported = member?.left(worker, error) === true
        if (!isReported && error !== null)
          warn(`a stop hook of worker ${index} failed: ${error.message}`, error)
        if (worker.isLeaving && worker.serves.size === 0) void worker.end(false)
      }
    }
  }

  lost(worker: PoolWorker, why: Error, delay: number): void {
    this.#left(worker)
    const { index } = worker
    const starts = this.#of(worker.generation).filter((start) => start.awaits(index))
    for (const start of starts) {
      const details = { worker: index, why: why.message }
      start.fail(new ArmatureError('ARMATURE_WORKER_START', details, { cause: why }))
    }
    if (starts.length > 0 || this.#blamed.delete(worker)) return
    warn(`worker ${index} ended: ${why.message}; it is started again in ${delay} ms`, why)
  }

  ended(worker: PoolWorker): void {
    this.#workers.delete(worker)
    this.#left(worker)
  }

  #left(worker: PoolWorker): void {
    this.#early = this.#early.filter(([one]) => one !== worker)
    for (const member of this.#members) member.left(worker)
  }

  #of(generation: number): Start[] {
    return [...this.#starts].filter((start) => start.generation === generation)
  }

  /** Answers the calls of `run()` that can be answered now. */
  #answerEarly(): void {
    const early = this.#early
    this.#early = []
    for (const [worker, message] of early) this.#answer(worker, message)
  }

  #answer(worker: PoolWorker, message: FromWorker & { type: 'run' }): void {
    const { run, name } = message
    const place = this.#isOwn ? findPlace(run, name) : this.#find(run, name)
    if (place === 'pending') {
      this.#early.push([worker, message])
    } else if (place === 'over') {
      worker.say({ type: 'server', run, server: null, serve: false })
    } else {
      const member = [...this.#members].find((one) => one.place === place)
      const serve = member?.needs(worker.index, worker.generation) === true
      worker.say({ type: 'server', run, server: place.server, serve })
    }
  }

  /** The same as {@link findPlace} among the servers of this pool. */
  #find(run: number, name: string | null): Place | 'pending' | 'over' {
    const members = [...this.#members]
    const named = name === null ? undefined : members.find(({ place }) => place.name === name)
    const found = named ?? members.find(({ number }) => number === run)
    if (found !== undefined) return found.place
    return run > this.#servers ? 'pending' : 'over'
  }
}

/** Which worker of `generation` is to serve which server. */
function* pairs(members: readonly Member[], generation: number): Generator<[worker: number, server: number]> {
  for (const member of members) {
    for (let index = 1; member.needs(index, generation); index++) yield [index, member.server]
  }
}

function warn(message: string, { stack }: Error): void {
  const detail = stack === undefined ? {} : { detail: stack }
  process.emitWarning(message, { type: 'ArmatureWarning', code: 'ARMATURE_WORKER_ENDED', ...detail })
}
