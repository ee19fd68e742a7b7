import type { Check, DecideOptions, Deferred, Outcome } from '../engine/engine.js'
import { ClosedError } from '../errors.js'
import { FlightWindow } from './flight-window.js'
import type { RedisClient } from './redis-client.js'
import { ReplyReader } from './reply.js'
import { BATCH_CHECKS_MAX, type KeyedRequest, RequestBlock } from './request-block.js'
import { runScript, type Script } from './scripts.js'
import { translateServerError } from './server-errors.js'
import type { OnBatch } from './topology.js'
import {
  FULL_BATCH_CHECKS,
  IN_FLIGHT_MAX,
  isUnwanted,
  rejectOnAbort,
  tooManyWait,
  WAITING_MAX,
} from './waiting.js'

interface Waiting extends KeyedRequest, DecideOptions {
  readonly deferred: Deferred
}

/**
 * Turns requests into batches, first come, first served, without a timer:
 *
 * - What is asked for in one turn of the event loop goes out together at the end of that turn; so one request alone
 *   goes out in the turn that asked for it.
 * - While a batch is under way, so does what all turns of one pass of the event loop ask for: the requests that a busy
 *   server finds on its connections are one batch.
 * - While batches are under way, the next one goes out too until they fill the window; from then on it waits for a
 *   reply, and grows. So a slow link stays in use, and a busy server gets few and large batches.
 * - What waiting cannot make larger does not wait: a full batch, or one with another injected time behind it.
 *
 * A request is never split over two batches and never sent twice.
 */
export class Batcher {
  readonly #client: RedisClient
  readonly #script: Script
  readonly #elapsedMs: () => number
  readonly #onBatch: OnBatch | undefined
  readonly #window = new FlightWindow()
  readonly #block = new RequestBlock()
  readonly #reader = new ReplyReader()
  /** The first one is at `#head`; those before it were sent. */
  readonly #waiting: Waiting[] = []
  #head = 0
  #inFlight = 0
  #flushDue = false
  /** A reply was settled in this turn of the event loop. */
  #turnTaken = false
  #closed = false
  #onIdle: (() => void) | undefined

  /**
   * @param script `decide`
   * @param elapsedMs a clock that never steps back, to measure round trips with
   */
  constructor(client: RedisClient, script: Script, elapsedMs: () => number, onBatch?: OnBatch) {
    this.#client = client
    this.#script = script
    this.#elapsedMs = elapsedMs
    this.#onBatch = onBatch
  }

  /**
   * Decides one request.
   *
   * @param keys the key of each check
   * @param nowUs us since the Unix epoch by an injected clock; 0: the server's own
   * @param options.signal rejects with its reason at once; what was sent already may be charged
   * @param options.caller asked when it would be sent: once he is gone it is not, and the promise stays as it is
   */
  decide(
    checks: readonly Check[],
    keys: readonly string[],
    nowUs: number,
    options: DecideOptions = {},
  ): Promise<Outcome> {
    const { signal, caller } = options
    if (this.#closed) return Promise.reject(new ClosedError('the limiter was closed'))
    if (signal?.aborted) return Promise.reject(signal.reason)
    if (this.#waiting.length - this.#head >= WAITING_MAX) return Promise.reject(tooManyWait())
    const deferred = options.deferred ?? Promise.withResolvers<Outcome>()
    const { promise } = deferred
    this.#waiting.push({ checks, keys, nowUs, signal, caller, deferred })
    if (signal !== undefined) rejectOnAbort(promise, reason => deferred.reject(reason), signal)
    this.wake()
    return promise
  }

  /** Sends what may go, soon: to be called when the state of the client has changed. */
  wake(): void {
    if (this.#flushDue) return
    this.#flushDue = true
    // After the microtasks of this turn, and before any input: all that this turn's replies set off comes together.
    if (this.#inFlight === 0 || this.#turnTaken) process.nextTick(this.#flush)
    // After all input that is there: a server's requests come in turns of their own, one for each connection.
    else setImmediate(this.#flush)
  }

  /** Takes no more requests, and resolves when those under way are decided. */
  async close(): Promise<void> {
    this.#closed = true
    if (this.#client.state === 'connecting') {
      for (const waiting of this.#waiting.splice(0))
        waiting.deferred.reject(new ClosedError('the limiter was closed'))
      this.#head = 0
    }
    if (this.#isIdle()) return
    await new Promise<void>(resolve => {
      this.#onIdle = resolve
    })
  }

  #isIdle(): boolean {
    return this.#inFlight === 0 && this.#head === this.#waiting.length
  }

  readonly #flush = (): void => {
    this.#flushDue = false
    this.#turnTaken = false
    if (this.#client.state === 'connecting') return
    while (this.#head < this.#waiting.length && this.#mayLeave()) this.#send()
    if (this.#head === this.#waiting.length) {
      this.#waiting.length = 0
      this.#head = 0
      if (this.#inFlight === 0) this.#onIdle?.()
    } else if (this.#head >= WAITING_MAX) {
      this.#waiting.splice(0, this.#head)
      this.#head = 0
    }
  }

  #mayLeave(): boolean {
    if (this.#inFlight < this.#window.size) return true
    if (this.#inFlight >= IN_FLIGHT_MAX) return false
    const first = this.#waiting[this.#head] as Waiting
    const last = this.#waiting[this.#waiting.length - 1] as Waiting
    return this.#waiting.length - this.#head >= this.#fullSize() || first.nowUs !== last.nowUs
  }

  /** Checks in a full batch: more than usual where the batches that may still leave could not take all that waits. */
  #fullSize(): number {
    const waiting = this.#waiting.length - this.#head
    const share = Math.ceil(waiting / Math.max(1, IN_FLIGHT_MAX - this.#inFlight))
    return Math.min(BATCH_CHECKS_MAX, Math.max(FULL_BATCH_CHECKS, share))
  }

  #send(): void {
    const batch: Waiting[] = []
    const full = this.#fullSize()
    let checks = 0
    for (; this.#head < this.#waiting.length; this.#head++) {
      const next = this.#waiting[this.#head] as Waiting
      if (isUnwanted(next)) continue
      if (checks >= full || !this.#block.add(next)) break
      checks += next.checks.length
      batch.push(next)
    }
    if (batch.length === 0) return
    const { keys, args } = this.#block.take()
    const sentAtMs = this.#elapsedMs()
    const queued = this.#waiting.length - this.#head
    const landed = (error: unknown): number => {
      const tripMs = this.#elapsedMs() - sentAtMs
      this.#onBatch?.({ part: undefined, requests: batch.length, checks, queued, tripMs, error })
      return tripMs
    }
    this.#inFlight++
    runScript(this.#client, this.#script, keys, args).then(
      reply => {
        this.#window.observe(landed(undefined))
        this.#inTurn(() => this.#settle(batch, keys.length, reply))
      },
      (failure: unknown) => {
        const error = translateServerError(failure)
        landed(error)
        this.#reject(batch, error)
      },
    )
  }

  /**
   * Of the replies that one read of the socket brings, the first is settled at once and each other one in a turn of its
   * own: what the first sets off is on its way to the server while this process is busy with the next. Otherwise the
   * two would take turns at being idle.
   */
  #inTurn(settle: () => void): void {
    if (this.#turnTaken) {
      setImmediate(settle)
    } else {
      this.#turnTaken = true
      settle()
    }
  }

  #settle(batch: readonly Waiting[], checks: number, answer: unknown): void {
    try {
      this.#reader.read(answer, checks)
    } catch (error) {
      this.#reject(batch, error)
      return
    }
    let first = 0
    for (const waiting of batch) {
      const own = waiting.checks.length
      waiting.deferred.resolve(this.#reader.outcome(first, own))
      first += own
    }
    this.#landed()
  }

  #reject(batch: readonly Waiting[], reason: unknown): void {
    for (const { deferred } of batch) deferred.reject(reason)
    this.#landed()
  }

  #landed(): void {
    this.#inFlight--
    this.wake()
  }
}
