import { Op } from '../core/step.js'
import type { Timers } from '../core/timers.js'
import { rejectOnAbort } from '../redis/waiting.js'
import { type Denial, Denials } from './denials.js'
import type { Check, DecideOptions, Engine, Outcome, Source } from './engine.js'

/** An engine that says when it had asked its store for what it answers. */
export interface AnsweringEngine extends Engine {
  /**
   * Is told of every answer of the store, before the one who asked.
   *
   * @param sentMs before the request was handed to the connection, on the monotonic clock
   */
  onAnswer: ((request: readonly Check[], outcome: Outcome, sentMs: number) => void) | undefined
}

export interface DenyCacheOptions {
  /** A denial is not believed for longer: what gives allowance back elsewhere is seen by then. */
  readonly maxAgeUs: number
  /** Denials remembered at once. */
  readonly maxKeys: number
  readonly timers: Pick<Timers, 'monotonicMs'>
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
  readonly #engine: AnsweringEngine
  readonly #options: DenyCacheOptions
  readonly #denials: Denials

  constructor(engine: AnsweringEngine, options: DenyCacheOptions) {
    this.source = engine.source
    this.#engine = engine
    this.#options = options
    this.#denials = new Denials(options.maxKeys)
    engine.onAnswer = (request, outcome, sentMs) =>
      this.#denials.remember(request, outcome, Math.floor(sentMs * 1000))
  }

  decide(request: readonly Check[], options?: DecideOptions): Promise<Outcome> {
    if (!isHarmless(request)) return this.#giveBack(request, options)
    const denial = this.#denials.find(request)
    if (denial === undefined) return this.#engine.decide(request, options)
    const nowUs = Math.ceil(this.#options.timers.monotonicMs() * 1000)
    if (!denial.holdsAt(nowUs)) return this.#engine.decide(request, options)
    if (nowUs < denial.sentUs + this.#options.maxAgeUs) return Promise.resolve(denial.outcomeAt(nowUs))
    if (denial.successor !== undefined) return this.#afterSuccessor(denial.successor, request, options)
    return this.#askAnew(denial, request, options)
  }

  ready(): Promise<void> {
    return this.#engine.ready()
  }

  close(): Promise<void> {
    this.#denials.clear()
    return this.#engine.close()
  }

  /** One check asks for all that wait for the same answer. */
  #askAnew(denial: Denial, request: readonly Check[], options: DecideOptions | undefined): Promise<Outcome> {
    const answer = this.#engine.decide(request, options)
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
