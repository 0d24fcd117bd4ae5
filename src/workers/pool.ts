import { entryPath } from './entry.js'
import { Member } from './member.js'
import { errorOf, type FromWorker } from './messages.js'
import { findPlace, type Place, watchPlaces } from './places.js'
import { PoolWorker, type WorkerOwner } from './worker.js'

const pools = new Map<string, Pool>()

/** The workers of one entry module. They serve every server that names it: an entry runs once in each thread. */
export class Pool implements WorkerOwner {
  readonly #entry: string
  /** Whether it is the module of the process, in which each call of `run()` is that of the primary thread. */
  readonly #isOwn: boolean
  /** Servers so far. In a module of their own, the n-th call of `run()` is for the n-th of them. */
  #servers = 0
  readonly #workers = new Map<number, PoolWorker>()
  readonly #members = new Set<Member>()
  /** Calls of `run()` that came before this thread had come as far. */
  #early: [worker: PoolWorker, message: FromWorker & { type: 'run' }][] = []
  readonly #unwatch: () => void

  /** The pool of the option `entry`, which exists while a server needs it. */
  static of(entry: string | null): Pool {
    const path = entryPath(entry)
    const pool = pools.get(path) ?? new Pool(path, entry === null)
    pools.set(path, pool)
    return pool
  }

  private constructor(entry: string, isOwn: boolean) {
    this.#entry = entry
    this.#isOwn = isOwn
    this.#unwatch = watchPlaces(() => this.#answerEarly())
  }

  /** Has the workers below number `count` serve `server`, which has `place`. */
  enter(place: Place, server: number, count: number): Member {
    this.#servers++
    const member = new Member(this, place, server, count, this.#servers)
    this.#members.add(member)
    for (let index = 1; index < count; index++) {
      if (!this.#workers.has(index)) this.#workers.set(index, new PoolWorker(index, this.#entry, this))
    }
    this.#answerEarly()
    const rest = () => {
      for (const worker of this.workers(count)) worker.setReferenced(false)
    }
    member.started.then(rest, () => {})
    return member
  }

  /** `member` needs its workers no longer; those that nobody needs end, at once with `force`. */
  async leave(member: Member, force: boolean): Promise<void> {
    this.#members.delete(member)
    const most = Math.max(1, ...[...this.#members].map(({ count }) => count))
    const spare = [...this.#workers.values()].filter(({ index }) => index >= most)
    for (const { index } of spare) this.#workers.delete(index)
    if (this.#members.size === 0) {
      pools.delete(this.#entry)
      this.#unwatch()
    }
    await Promise.all(spare.map((worker) => worker.end(force)))
  }

  workers(count: number): PoolWorker[] {
    return [...this.#workers.values()].filter(({ index }) => index < count)
  }

  receive(worker: PoolWorker, message: FromWorker): void {
    switch (message.type) {
      case 'run':
        this.#answer(worker, message)
        break
      case 'attached': {
        worker.serves.add(message.server)
        const mine = [...this.#members].filter(({ count }) => worker.index < count)
        if (mine.every(({ server }) => worker.serves.has(server))) worker.settled()
        this.#member(message.server)?.attached(worker)
        break
      }
      case 'failed': {
        const error = errorOf(message.error)
        for (const member of this.#members) member.failed(error)
        break
      }
      case 'stopped':
        worker.serves.delete(message.server)
        this.#member(message.server)?.stopped(worker, message.error && errorOf(message.error))
    }
  }

  lost(worker: PoolWorker, why: Error, delay: number): void {
    this.#early = this.#early.filter(([one]) => one !== worker)
    const starting = [...this.#members].filter((member) => member.lost(worker, why))
    if (starting.length > 0) return
    process.emitWarning(`worker ${worker.index} ended: ${why.message}; it is started again in ${delay} ms`, {
      type: 'ArmatureWarning',
      code: 'ARMATURE_WORKER_ENDED',
      ...(why.stack !== undefined && { detail: why.stack }),
    })
  }

  #member(server: number): Member | undefined {
    return [...this.#members].find((member) => member.server === server)
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
      const serve = member !== undefined && worker.index < member.count
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
