import type { Clock } from '../core/time.js'
import { ClosedError, ConnectionLostError } from '../errors.js'
import type { KeyBuilder } from '../keys.js'
import type { NativeBinding, NativeStore } from '../native/binding.js'
import type { NativeBatch } from '../native/redis-answers.js'
import { commonSlotOf } from '../redis/cluster-slots.js'
import { evictionWarning } from '../redis/eviction.js'
import type { OnBatch } from '../redis/topology.js'
import { rejectOnAbort } from '../redis/waiting.js'
import type { Check, DecideOptions, Deferred, Engine, Outcome, Source } from './engine.js'
import { errorOfNative } from './native-errors.js'
import { type NativeCall, NativeRedisCalls } from './native-redis-calls.js'

export interface NativeRedisSetup {
  readonly store: NativeStore
  readonly keyOf: KeyBuilder
  /** Decides by this clock instead of the server's. */
  readonly clock: Clock | undefined
  /** Told of what a person should look at. */
  readonly onWarning: (message: string, error: unknown) => void
  /** Told of every batch that came back or failed. */
  readonly onBatch: OnBatch | undefined
}

/**
 * Asks Redis as the engine of `createRedisEngine` does, by the Rust of `native/crates/redis` in a thread of its own. This thread
 * never waits; connections, batches, redirects and the agreement with other limiters are the other's affair.
 *
 * The process may end while nobody waits for an answer.
 */
export class NativeRedisEngine implements Engine {
  readonly source: Source = 'redis'
  readonly atomicWithin: 'group' | undefined
  /** Nodes of a cluster fail apart. */
  readonly partOf?: (request: readonly Check[]) => string | undefined

  readonly #keyOf: KeyBuilder
  readonly #clock: Clock | undefined
  readonly #onWarning: NativeRedisSetup['onWarning']
  readonly #calls: NativeRedisCalls
  /** The request that was last asked about, and its keys: it is the next to be decided. */
  #located: readonly Check[] | undefined
  #locatedKeys: readonly string[] = []
  /** By slot of a cluster, the address of its node; empty where none is known. */
  #nodes: readonly string[] = []
  #lookedForEviction = false
  #closing: Promise<void> | undefined

  /** @throws NativeError when the settings cannot be used */
  constructor(
    binding: Pick<NativeBinding, 'NativeRedis'>,
    { store, keyOf, clock, onWarning, onBatch }: NativeRedisSetup,
  ) {
    this.#keyOf = keyOf
    this.#clock = clock
    this.#onWarning = onWarning
    this.atomicWithin = store.isCluster ? 'group' : undefined
    if (store.isCluster) {
      this.partOf = request => {
        this.#located = request
        this.#locatedKeys = this.#keysOf(request)
        const slot = commonSlotOf(this.#locatedKeys)
        return (slot === undefined ? undefined : this.#nodes[slot]) || undefined
      }
    }
    this.#calls = new NativeRedisCalls(binding, store, {
      batch: ({ address, failure, ...batch }: NativeBatch) =>
        onBatch?.({
          ...batch,
          part: store.isCluster ? address : undefined,
          error: failure === undefined ? undefined : errorOfNative(failure),
        }),
      connected: () => {
        if (store.shared) this.#lookForEviction()
      },
      slotsMoved: () => this.#learnSlots(),
      lost: error => onWarning(error.message, error),
    })
  }

  decide(request: readonly Check[], options: DecideOptions = {}): Promise<Outcome> {
    const { signal, caller } = options
    const problem = this.#problem()
    if (problem !== undefined) return Promise.reject(problem)
    if (signal?.aborted) return Promise.reject(signal.reason)
    const deferred = options.deferred ?? Promise.withResolvers<Outcome>()
    let call: NativeCall
    try {
      const keys = request === this.#located ? this.#locatedKeys : this.#keysOf(request)
      call = this.#calls.decide(request, keys, this.#clock === undefined ? 0 : this.#clock.nowUs(), deferred)
    } catch (error) {
      return Promise.reject(error)
    }
    if (signal !== undefined) leaveOnAbort(call, deferred, signal)
    if (caller !== undefined) caller.waitsFor = call
    return deferred.promise
  }

  async ready(): Promise<void> {
    const problem = this.#problem()
    if (problem !== undefined) throw problem
    await this.#calls.ask((native, ticket) => native.ready(ticket), true)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    if (this.#calls.broken !== undefined) return
    await this.#calls.ask((native, ticket) => native.close(ticket), true)
    this.#calls.end(
      new ConnectionLostError(
        'the limiter was closed before Redis answered; the check may have been charged, do not send it again',
      ),
    )
  }

  #problem(): Error | undefined {
    return this.#closing === undefined ? this.#calls.broken : new ClosedError('the limiter was closed')
  }

  #keysOf(request: readonly Check[]): readonly string[] {
    const keys: string[] = []
    for (const { limit, subject } of request) keys.push(this.#keyOf(limit, subject))
    return keys
  }

  #learnSlots(): void {
    this.#onTheSide(
      (native, ticket) => native.slots(ticket),
      text => {
        this.#nodes = text.split('\n')
      },
    )
  }

  /** Once. */
  #lookForEviction(): void {
    if (this.#lookedForEviction) return
    this.#lookedForEviction = true
    this.#onTheSide(
      (native, ticket) => native.memory(ticket),
      info => {
        const warning = evictionWarning(info)
        if (warning !== undefined) this.#onWarning(warning, undefined)
      },
    )
  }

  /** Of a server that does not say, or not to this user, there is nothing to tell; nor once it is closed. */
  #onTheSide(send: Parameters<NativeRedisCalls['ask']>[0], tell: (text: string) => void): void {
    if (this.#problem() === undefined) this.#calls.ask(send, false).then(tell, () => {})
  }
}

function leaveOnAbort(call: NativeCall, deferred: Deferred, signal: AbortSignal): void {
  const abort = (reason: unknown) => {
    deferred.reject(reason)
    call.callerLeft()
  }
  rejectOnAbort(deferred.promise, abort, signal)
}
