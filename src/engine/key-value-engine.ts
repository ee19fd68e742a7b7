import { z } from 'zod'
import { Op, Status } from '../core/step.js'
import { type Clock, cdiv, systemClock } from '../core/time.js'
import { ClosedError, ConnectionLostError, StoreUnavailableError } from '../errors.js'
import type { KeyBuilder } from '../keys.js'
import { isUnwanted, rejectOnAbort, unwanted } from '../redis/waiting.js'
import type { Check, CheckOutcome, DecideOptions, Engine, Outcome } from './engine.js'
import type { KeyValueStore } from './key-value-store.js'
import { MemoryEngine } from './memory-engine.js'
import { type KeyTable, MemoryKeys } from './memory-keys.js'
import { CHECKS_MAX } from './memory-request.js'
import { CorruptState, restoreKey, storedState } from './stored-state.js'
import { NONE } from './timing-wheel.js'

/** Requests that wait for the store. More would only wait longer than anybody does. */
const WAITING_MAX = 100_000

const VERSION = 1
/** `[1,<end of the state in us>,<end of a block in us, or 0>,<numbers of the state> …]` */
const Stored = z.tuple([z.literal(VERSION)], z.unknown())

/** A key of a request, and the text that the store has of it. */
interface Loaded {
  readonly key: string
  readonly check: Check
  readonly text: string | undefined
}

/**
 * Counts in a store that does no more than keep texts. A request takes its keys for itself, reads them, decides by the
 * engine in memory, and writes what has changed: in this process nothing comes between, and a refusal writes nothing. Two
 * processes on one store would come between each other.
 */
export class KeyValueEngine implements Engine {
  readonly source = 'key-value'
  readonly singleProcess = true
  readonly #store: KeyValueStore
  readonly #keyOf: KeyBuilder
  readonly #clock: Clock
  /** Holds the keys of the request that is being decided, and no others: deciding takes no turn of the event loop. */
  readonly #keys = new MemoryKeys(CHECKS_MAX)
  readonly #memory: MemoryEngine
  /** The last request on each key: the next one waits for it. */
  readonly #queues = new Map<string, Promise<unknown>>()
  #waiting = 0
  #closing: Promise<void> | undefined

  constructor(store: KeyValueStore, keyOf: KeyBuilder, clock: Clock = systemClock) {
    this.#store = store
    this.#keyOf = keyOf
    this.#clock = clock
    this.#memory = MemoryEngine.on(this.#keys, clock)
  }

  decide(request: readonly Check[], options: DecideOptions = {}): Promise<Outcome> {
    if (this.#closing !== undefined) return Promise.reject(new ClosedError('the limiter was closed'))
    if (this.#waiting >= WAITING_MAX) {
      const message = `${WAITING_MAX} requests wait for the store already; nothing was charged`
      return Promise.reject(new StoreUnavailableError(message))
    }
    const { signal } = options
    if (signal?.aborted === true) return Promise.reject(signal.reason)
    const keys = request.map(({ limit, subject }) => this.#keyOf(limit, subject))
    const decided = this.#inTurn(keys, () => this.#decide(request, keys, options))
    if (signal === undefined) return decided
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>()
    rejectOnAbort(promise, reject, signal)
    decided.then(resolve, reject)
    return promise
  }

  async ready(): Promise<void> {
    this.#clock.nowUs()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await Promise.all(this.#queues.values())
    await this.#store.close?.()
  }

  /** All keys are queued at in one go, so that no two requests wait for each other. */
  async #inTurn<T>(keys: readonly string[], run: () => Promise<T>): Promise<T> {
    this.#waiting++
    const before = keys.map(key => this.#queues.get(key))
    const { promise: over, resolve: end } = Promise.withResolvers<void>()
    for (const key of keys) this.#queues.set(key, over)
    try {
      await Promise.all(before)
      return await run()
    } finally {
      this.#waiting--
      for (const key of keys) if (this.#queues.get(key) === over) this.#queues.delete(key)
      end()
    }
  }

  async #decide(
    request: readonly Check[],
    keys: readonly string[],
    options: DecideOptions,
  ): Promise<Outcome> {
    if (isUnwanted(options)) throw unwanted(options.signal)
    const texts = await Promise.all(keys.map(key => this.#read(key)))
    if (isUnwanted(options)) throw unwanted(options.signal)
    const loaded = request.map((check, i) => ({ key: keys[i] as string, check, text: texts[i] }))
    const { outcome, writes } = this.#decideLoaded(loaded)
    await this.#write(writes, outcome.nowUs)
    return outcome
  }

  /** What the store says may name a key: it is told as the cause. */
  async #read(key: string): Promise<string | undefined> {
    try {
      return (await this.#store.get(key)) ?? undefined
    } catch (cause) {
      throw new StoreUnavailableError("the store's get failed, so nothing was charged", { cause })
    }
  }

  /** Whatever becomes of one, none is under way when the next request reads. */
  async #write(writes: readonly Write[], nowUs: number): Promise<void> {
    const written = await Promise.allSettled(
      writes.map(async ({ key, text, endUs }) => {
        if (text === undefined) await this.#store.delete(key)
        else await this.#store.set(key, text, Math.max(1, cdiv(endUs - nowUs, 1000)))
      }),
    )
    const failed = written.find(({ status }) => status === 'rejected')
    if (failed?.status !== 'rejected') return
    const message = "the store's set or delete failed; whether anything was charged is unknown"
    throw new ConnectionLostError(message, { cause: failed.reason })
  }

  #decideLoaded(loaded: readonly Loaded[]): { readonly outcome: Outcome; readonly writes: readonly Write[] } {
    const request = loaded.map(({ check }) => check)
    const foreign = loaded.map(each => !this.#restore(each))
    try {
      if (foreign.includes(true)) return { outcome: this.#withdraw(request, foreign), writes: [] }
      const outcome = this.#memory.decideSync(request)
      return { outcome, writes: this.#changes(loaded) }
    } finally {
      for (const { check } of loaded) this.#drop(check)
    }
  }

  /** @returns false where the text is no state of the limit */
  #restore({ check, text }: Loaded): boolean {
    if (text === undefined) return true
    try {
      const [, ...stored] = Stored.parse(JSON.parse(text))
      restoreKey(stored, check.subject, this.#tableOf(check), this.#keys, this.#clock.nowUs())
      return true
    } catch (error) {
      if (error instanceof CorruptState || error instanceof SyntaxError || error instanceof z.ZodError)
        return false
      throw error
    }
  }

  /** Nothing of a request is done whose key holds what nobody can read. */
  #withdraw(request: readonly Check[], foreign: readonly boolean[]): Outcome {
    const { nowUs, checks } = this.#memory.decideSync(
      request.map(check => ({ ...check, op: Op.look, at: 0 })),
    )
    const untouched = checks.map((said, i): CheckOutcome => {
      if (foreign[i]) return { status: Status.foreignValue, granted: 0, remaining: 0, waitUs: 0, resetUs: 0 }
      return { ...said, granted: 0 }
    })
    return { nowUs, checks: untouched }
  }

  /** A request may name a key twice. */
  #changes(loaded: readonly Loaded[]): readonly Write[] {
    const byKey = new Map<string, Write>()
    for (const { key, check, text } of loaded) {
      const now = this.#stored(check)
      if (now?.text !== text) byKey.set(key, { key, text: now?.text, endUs: now?.endUs ?? 0 })
    }
    return [...byKey.values()]
  }

  /** As it is to be stored; undefined where nothing is left. */
  #stored(check: Check): { readonly text: string; readonly endUs: number } | undefined {
    const table = this.#tableOf(check)
    const key = table.index.find(check.subject)
    if (key === NONE) return undefined
    const text = JSON.stringify([VERSION, ...storedState(this.#keys, table, key)])
    return { text, endUs: this.#keys.endOf(key) }
  }

  #drop(check: Check): void {
    const key = this.#tableOf(check).index.find(check.subject)
    if (key !== NONE) this.#keys.drop(key)
  }

  #tableOf({ limit }: Check): KeyTable {
    return this.#keys.openTable(limit.keyName, limit.plan.algorithm)
  }
}

/** Without a text, the key is deleted. */
interface Write {
  readonly key: string
  readonly text: string | undefined
  readonly endUs: number
}
