import type { Plan } from '../core/plan.js'
import { createStep, type Op, type Status, type Step } from '../core/step.js'
import { type Clock, systemClock } from '../core/time.js'
import { CheckError, NativeError } from '../errors.js'
import type { NativeBinding, NativeMemory } from '../native/binding.js'
import { CheckBlock, VERDICT_LENGTH } from '../native/check-block.js'
import { PlanPlaces } from '../native/plan-places.js'
import type { Limit } from '../policy.js'
import type { Check, CheckOutcome, DecideOptions, Deferred, Outcome, Source, SyncEngine } from './engine.js'
import { assertProvedTime, closedClock } from './engine-clock.js'
import { DEFAULT_MAX_KEYS, type MemoryEngineOptions, type MemoryStats } from './memory-engine.js'
import { assertMaxKeys } from './memory-keys.js'
import { CHECKS_MAX } from './memory-request.js'

/** A request in the block, and who waits for it. */
interface Waiting {
  readonly nowUs: number
  readonly checks: number
  readonly deferred: Pick<Deferred, 'resolve' | 'reject'>
}

/**
 * Decides in this process as `MemoryEngine` does, to the last bit, by the Rust of `native/crates/memory`. What `decide` is
 * asked within one turn crosses together, and is answered together; what is asked without a promise crosses at once.
 *
 * The work is done in this thread, which waits for nobody: no other thread has a lock of it, and a crossing has 256 checks
 * at most. A thread of its own would take longer to be woken than a crossing takes.
 */
export class NativeMemoryEngine implements SyncEngine {
  readonly source: Source = 'native'
  lastNowUs = 0

  #clock: Clock
  readonly #maxKeys: number
  readonly #block = new CheckBlock()
  readonly #native: NativeMemory
  readonly #decideBlock: () => void
  readonly #places: PlanPlaces
  readonly #step = createStep()
  #waiting: Waiting[] = []

  /** @throws OptionError when `maxKeys` is out of its range */
  constructor(
    { NativeMemory }: Pick<NativeBinding, 'NativeMemory'>,
    { clock = systemClock, maxKeys = DEFAULT_MAX_KEYS }: MemoryEngineOptions = {},
  ) {
    assertMaxKeys(maxKeys)
    this.#clock = clock
    this.#maxKeys = maxKeys
    const { numbers, text, verdicts } = this.#block
    this.#native = new NativeMemory(maxKeys, numbers, text, verdicts)
    this.#decideBlock = this.#native.decider()
    this.#places = new PlanPlaces(
      (place, keyName, row) => this.#native.define(place, keyName, row),
      () => this.#settle(),
    )
  }

  decideOne(
    limit: Limit,
    plan: Plan,
    subject: string,
    op: Op,
    n: number,
    at: number,
    leaseId?: string,
  ): Readonly<Step> {
    const nowUs = this.#now()
    this.#settle()
    const place = this.#places.placeOf(limit, plan)
    this.#makeRoom(1, subject.length + (leaseId === undefined ? 0 : leaseId.length))
    this.#block.begin(nowUs, 1)
    this.#block.add(place, op, n, at, subject, leaseId)
    this.#cross()
    const { verdicts } = this.#block
    const step = this.#step
    step.status = verdicts[0] as Status
    step.granted = verdicts[1] as number
    step.remaining = verdicts[2] as number
    step.waitUs = verdicts[3] as number
    step.resetUs = verdicts[4] as number
    return step
  }

  decideSync(request: readonly Check[]): Outcome {
    const nowUs = this.#now()
    this.#settle()
    this.#write(request, nowUs)
    this.#cross()
    return { nowUs, checks: this.#read(0, request.length) }
  }

  decide(request: readonly Check[], options?: DecideOptions): Promise<Outcome> {
    const deferred = options?.deferred ?? Promise.withResolvers<Outcome>()
    try {
      options?.signal?.throwIfAborted()
      const nowUs = this.#now()
      this.#write(request, nowUs)
      this.#waiting.push({ nowUs, checks: request.length, deferred })
      if (this.#waiting.length === 1) queueMicrotask(this.#settleNow)
    } catch (error) {
      deferred.reject(error)
    }
    return deferred.promise
  }

  async ready(): Promise<void> {
    this.#clock.nowUs()
  }

  async close(): Promise<void> {
    this.#settle()
    this.#clock = closedClock
    this.#native.clear()
  }

  stats(): MemoryStats {
    this.#settle()
    return { maxKeys: this.#maxKeys, ...this.#native.stats() }
  }

  #now(): number {
    const nowUs = this.#clock.nowUs()
    assertProvedTime(nowUs)
    this.lastNowUs = nowUs
    return nowUs
  }

  /** Adds a request to the block, behind those that wait there. */
  #write(request: readonly Check[], nowUs: number): void {
    const { length } = request
    if (length < 1 || length > CHECKS_MAX) {
      throw new CheckError(`a request has 1 to ${CHECKS_MAX} checks, this one has ${length}: split it`)
    }
    const places = this.#places.placesOf(request)
    let textLength = 0
    for (const { subject, leaseId } of request) textLength += subject.length + (leaseId?.length ?? 0)
    this.#makeRoom(length, textLength)
    this.#block.begin(nowUs, length)
    for (let i = 0; i < length; i++) {
      const { op, n, at, subject, leaseId } = request[i] as Check
      this.#block.add(places[i] as number, op, n, at, subject, leaseId)
    }
  }

  #makeRoom(checks: number, textLength: number): void {
    const block = this.#block
    if (block.hasRoom(checks, textLength)) return
    this.#settle()
    if (block.hasRoom(checks, textLength)) return
    block.grow(textLength)
    this.#native.attach(block.numbers, block.text, block.verdicts)
  }

  /** Decides what is in the block. */
  #cross(): void {
    this.#block.seal()
    this.#block.clear()
    try {
      this.#decideBlock()
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'it threw no error'
      throw new NativeError(`the native engine could not decide: ${reason}`, { cause: error })
    }
  }

  /** Decides and answers what waits in the block: what comes later has to find it done. */
  #settle(): void {
    if (this.#waiting.length > 0) this.#settleNow()
  }

  readonly #settleNow = (): void => {
    const waiting = this.#waiting
    if (waiting.length === 0) return
    this.#waiting = []
    try {
      this.#cross()
    } catch (error) {
      for (const { deferred } of waiting) deferred.reject(error)
      return
    }
    let first = 0
    for (const { nowUs, checks, deferred } of waiting) {
      deferred.resolve({ nowUs, checks: this.#read(first, checks) })
      first += checks
    }
  }

  #read(first: number, checks: number): readonly CheckOutcome[] {
    const { verdicts } = this.#block
    const said: CheckOutcome[] = []
    for (let i = first; i < first + checks; i++) {
      const row = i * VERDICT_LENGTH
      said.push({
        status: verdicts[row] as Status,
        granted: verdicts[row + 1] as number,
        remaining: verdicts[row + 2] as number,
        waitUs: verdicts[row + 3] as number,
        resetUs: verdicts[row + 4] as number,
      })
    }
    return said
  }
}
