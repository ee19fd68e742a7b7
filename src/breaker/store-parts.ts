import type { Timers } from '../core/timers.js'
import type { StoreUnavailableError } from '../errors.js'
import type { CircuitStore } from './circuit-store.js'
import { StoreHealth } from './store-health.js'

export interface StorePartEvents {
  /** Asks the store for a circuit, which changes nothing. Resolves to whether it answered; never rejects. */
  probe(identity: string): Promise<boolean>
  onDown(part: string | undefined, error: unknown): void
  /** @param downMs ms since `onDown` */
  onUp(part: string | undefined, downMs: number): void
}

interface Part {
  readonly health: StoreHealth
  /** What the part was asked for when it failed: a probe asks for the same. */
  suspect: string
}

/** Which parts of the store of circuits can be asked: nodes of a cluster fail apart, any other store is one part. */
export class StoreParts {
  readonly #store: CircuitStore
  readonly #timers: Timers
  readonly #events: StorePartEvents
  readonly #parts = new Map<string | undefined, Part>()
  #downCount = 0

  constructor(store: CircuitStore, timers: Timers, events: StorePartEvents) {
    this.#store = store
    this.#timers = timers
    this.#events = events
  }

  /** Whether the part that has a circuit can be asked. Looked up only while some part cannot. */
  isUp(identity: string): boolean {
    return this.#downCount === 0 || this.#partOf(identity).health.isUp
  }

  succeeded(identity: string): void {
    this.#partOf(identity).health.succeeded()
  }

  failed(identity: string, sentMs: number, error: unknown): void {
    const part = this.#partOf(identity)
    if (part.health.isUp) part.suspect = identity
    part.health.failed(sentMs, error)
  }

  /** Why an order about a circuit is not sent at all. */
  refusal(identity: string): StoreUnavailableError {
    return this.#partOf(identity).health.refusal()
  }

  close(): void {
    for (const { health } of this.#parts.values()) health.close()
  }

  #partOf(identity: string): Part {
    const name = this.#store.partOf?.(identity)
    const known = this.#parts.get(name)
    if (known !== undefined) return known
    const health = new StoreHealth(this.#timers, {
      probe: () => this.#events.probe(part.suspect),
      onDown: error => {
        this.#downCount++
        this.#events.onDown(name, error)
      },
      onUp: downMs => {
        this.#downCount--
        this.#events.onUp(name, downMs)
      },
    })
    const part: Part = { health, suspect: identity }
    this.#parts.set(name, part)
    return part
  }
}
