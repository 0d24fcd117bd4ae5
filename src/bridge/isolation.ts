import { AsyncResource } from 'node:async_hooks'

// Called with the resource below: looking it up there would ask the proxy.
const { runInAsyncScope } = AsyncResource.prototype

/**
 * Keeps the asynchronous contexts of requests apart, although many of them are handled in one turn of the event loop:
 * what a handler enters with `AsyncLocalStorage.enterWith()` is gone when the next one begins, and none of them sees the
 * context of whoever happened to schedule the turn.
 *
 * Each request runs in the scope of one resource, which is much cheaper than a resource for each. Where stores are kept in
 * frames (Node.js 24) a scope gives everything back when it ends. Before that, stores are properties of the resource: its
 * prototype is told of the first time that one is set, and from then on it gets its old value after each request.
 */
export class Isolation {
  readonly #resource = new AsyncResource('ARMATURE_LANE')
  readonly #stores: symbol[] = []
  readonly #before: unknown[] = []

  constructor() {
    const resource = this.#resource as unknown as Record<symbol, unknown>
    const ids = [this.#resource.asyncId(), this.#resource.triggerAsyncId()] as unknown[]
    for (const key of Object.getOwnPropertySymbols(resource)) {
      if (!ids.includes(resource[key])) this.#remember(key, resource[key])
    }
    const watch: ProxyHandler<AsyncResource> = {
      set: (_target, key, value, receiver) => {
        if (typeof key === 'symbol' && receiver === this.#resource) this.#remember(key, undefined)
        return Reflect.defineProperty(receiver, key, {
          value,
          writable: true,
          enumerable: true,
          configurable: true,
        })
      },
    }
    Object.setPrototypeOf(this.#resource, new Proxy(AsyncResource.prototype, watch))
  }

  /** Calls the method `fn` of `self`, which must not throw. */
  run<S, A, R>(fn: (this: S, argument: A) => R, self: S, argument: A): R {
    const result = runInAsyncScope.call(this.#resource, fn as never, self, argument) as R
    if (this.#stores.length > 0) this.#restore()
    return result
  }

  #remember(key: symbol, value: unknown): void {
    this.#stores.push(key)
    this.#before.push(value)
  }

  #restore(): void {
    const resource = this.#resource as unknown as Record<symbol, unknown>
    for (let i = 0; i < this.#stores.length; i++) resource[this.#stores[i] as symbol] = this.#before[i]
  }
}
