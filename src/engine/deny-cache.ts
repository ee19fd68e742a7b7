import { Op } from '../core/step.js'
import { rejectOnAbort } from '../redis/waiting.js'
import { type Denial, Denials } from './denials.js'
import type { Check, DecideOptions, Engine, Outcome, Source } from './engine.js'

export interface DenyCacheOptions {
  /** A denial is not believed for longer: what gives allowance back elsewhere is seen by then. */
  readonly maxAgeUs: number
  /** Denials remembered at once. */
  readonly maxKeys: number
  /** us on the clock that the waits of the store pass by: a monotonic one, or the one that is injected into both. */
  readonly nowUs: () => number
}

/** Only takes units or looks: denials outlive it, whoever does it. */
function isHarmless(request: readonly Check[]): boolean {
  for (const { op } of request) {
    if (op !== Op.consume && op !== Op.peek && op !== Op.grant && op !== Op.look) return false
  }
  return true
}

/**
 * Remembers denials: after one, no check of at least that cost can pass before its wait is over, whoever else takes units,
 * so it is refused here. Exact, because the wait counts from before the check was sent, and the store decided it later.
 *
 * Only what gives allowance back can make it wrong, and then it refuses for too long. What this process gives back is
 * forgotten at once. What others do is seen after `maxAgeUs`: then one check asks anew, and the others wait for what it
 * learns.
 */
export class DenyCache implements Engine {
  readonly source: Source
  readonly #engine: Engine
  readonly #options: DenyCacheOptions
  readonly #denials: Denials

  constructor(engine: Engine, options: DenyCacheOptions) {
    this.source = engine.source
    this.#engine = engine
    this.#options = options
    this.#denials = new Denials(options.maxKeys)
  }

  decide(request: readonly Check[], options?: DecideOptions): Promise<Outcome> {
    if (!isHarmless(request)) return this.#giveBack(request, options)
    const nowUs = this.#options.nowUs()
    const denial = this.#denials.find(request)
    if (denial === undefined || !denial.holdsAt(nowUs)) return this.#ask(request, nowUs, options)
    if (nowUs < denial.sentUs + this.#options.maxAgeUs) return Promise.resolve(denial.outcomeAt(nowUs))
    if (denial.successor !== undefined) return this.#afterSuccessor(denial.successor, request, options)
    return this.#askAnew(denial, request, nowUs, options)
  }

  ready(): Promise<void> {
    return this.#engine.ready()
  }

  close(): Promise<void> {
    this.#denials.clear()
    return this.#engine.close()
  }

  #ask(request: readonly Check[], sentUs: number, options: DecideOptions | undefined): Promise<Outcome> {
    return this.#engine.decide(request, options).then(outcome => {
      // Of a decision without the store, only the store could say how long it holds.
      if (outcome.source === undefined) this.#denials.remember(request, outcome, sentUs)
      return outcome
    })
  }

  /** One check asks for all that wait for the same answer. */
  #askAnew(
    denial: Denial,
    request: readonly Check[],
    sentUs: number,
    options: DecideOptions | undefined,
  ): Promise<Outcome> {
    const answer = this.#ask(request, sentUs, options)
    const passOn = () => {
      denial.successor = undefined
    }
    // Where the asker gave up, the next one of those who wait asks.
    denial.successor = answer.then(() => this.#denials.forgetDenial(denial, request), passOn)
    return answer
  }

  async #afterSuccessor(
    successor: Promise<unknown>,
    request: readonly Check[],
    options: DecideOptions | undefined,
  ): Promise<Outcome> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    successor.then(resolve)
    if (options?.signal !== undefined) rejectOnAbort(promise, reject, options.signal)
    await promise
    return this.decide(request, options)
  }

  /** Forgets before and after: a check that was on its way meanwhile may have been denied before the store gave back. */
  async #giveBack(request: readonly Check[], options: DecideOptions | undefined): Promise<Outcome> {
    this.#denials.forget(request)
    try {
      return await this.#engine.decide(request, options)
    } finally {
      this.#denials.forget(request)
    }
  }
}
