import type { Clock } from '../../src/core/time.js'
import type { AnsweringEngine } from '../../src/engine/deny-cache.js'
import type { Check, DecideOptions, Outcome } from '../../src/engine/engine.js'
import { MemoryEngine } from '../../src/engine/memory-engine.js'
import { ConnectionLostError, StoreUnavailableError } from '../../src/errors.js'

/** `well`: answers. `unreachable`: nothing arrives. `cut`: the answer is lost. `silent`: it comes when it is let through. */
type Line = 'well' | 'unreachable' | 'cut' | 'silent'

/** A store behind a line that a test can disturb: an engine in memory that answers by promises. */
export class RemoteEngine implements AnsweringEngine {
  readonly source = 'remote'
  line: Line = 'well'
  /** What is refused by the server itself; undefined: nothing. */
  fails: Error | undefined
  /** Every request that arrived. */
  readonly arrived: (readonly Check[])[] = []
  onAnswer: AnsweringEngine['onAnswer']
  readonly #clock: Clock
  readonly #engine: MemoryEngine
  #held: (() => void)[] = []

  constructor(clock: Clock) {
    this.#clock = clock
    this.#engine = new MemoryEngine({ clock })
  }

  decide(request: readonly Check[], { signal, caller }: DecideOptions = {}): Promise<Outcome> {
    if (this.line === 'unreachable') return Promise.reject(new StoreUnavailableError('the store is away'))
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>()
    signal?.addEventListener('abort', () => reject(signal.reason))
    const sentMs = this.#clock.nowUs() / 1000
    const answer = (outcome: Outcome) => {
      this.onAnswer?.(request, outcome, sentMs)
      resolve(outcome)
    }
    const arrive = () => {
      this.arrived.push(request)
      if (this.fails !== undefined) reject(this.fails)
      else answer(this.#engine.decideSync(request))
    }
    if (this.line === 'silent') {
      this.#held.push(() => (caller?.isGone ? undefined : arrive()))
    } else {
      arrive()
      if (this.line === 'cut') return promise.then(() => Promise.reject(new ConnectionLostError('cut off')))
    }
    return promise
  }

  /** The line is well again, and what it held arrives: all of it, or only what somebody still waits for. */
  letThrough(): void {
    this.line = 'well'
    for (const arrive of this.#held.splice(0)) arrive()
  }

  async ready(): Promise<void> {}

  async close(): Promise<void> {
    this.letThrough()
    await this.#engine.close()
  }
}
