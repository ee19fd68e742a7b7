import type { Check, DecideOptions, Engine, Outcome } from 'sluice/engine'
import type { Entry } from './entries.js'

/** Stands before the engine of a store and writes down what it decided, and when by the clock of the store. */
export class RecordingEngine implements Engine {
  readonly #engine: Engine
  readonly #record: (entry: Entry) => void
  readonly partOf?: (request: readonly Check[]) => string | undefined

  /** @param record takes one entry for each check, as soon as its answer is there and before anybody sees it */
  constructor(engine: Engine, record: (entry: Entry) => void) {
    this.#engine = engine
    this.#record = record
    if (engine.partOf !== undefined) this.partOf = request => engine.partOf?.(request)
  }

  get source(): Engine['source'] {
    return this.#engine.source
  }

  async decide(request: readonly Check[], { signal, caller }: DecideOptions = {}): Promise<Outcome> {
    try {
      // Without `deferred`: that promise is settled for whoever waits, and may be before the store has said anything.
      const outcome = await this.#engine.decide(request, { signal, caller })
      for (const [i, check] of request.entries()) this.#record(decidedEntry(check, outcome, i))
      return outcome
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
      for (const { limit, subject, op, n } of request) {
        this.#record({ kind: 'undecided', policy: limit.policy, subject, op, n, code })
      }
      throw error
    }
  }

  ready(): Promise<void> {
    return this.#engine.ready()
  }

  close(): Promise<void> {
    return this.#engine.close()
  }
}

function decidedEntry(check: Check, { nowUs, checks }: Outcome, index: number): Entry {
  const { limit, subject, op, n, at, leaseId } = check
  const status = checks[index]?.status
  if (status === undefined) throw new Error(`the engine answered ${checks.length} checks, not check ${index}`)
  const lease = leaseId === undefined ? {} : { leaseId }
  return { kind: 'decided', policy: limit.policy, subject, op, n, at, ...lease, status, nowUs }
}
