import { Status } from '../../src/core/step.js'
import type { Check, DecideOptions, Engine } from '../../src/engine/engine.js'
import type { RedisEngine } from '../../src/engine/redis-engine.js'
import { createKeyBuilder } from '../../src/keys.js'
import { slotOf } from '../../src/redis/cluster-slots.js'
import { consume, hourly } from '../support/checks.js'

/** Nobody reaches it: what counts is how often each check was counted. */
export const LIMIT = hourly(1_000_000)

const keyOf = createKeyBuilder()
export const keyOfSubject = (subject: string): string => keyOf(LIMIT, subject)
export const slotOfSubject = (subject: string): number => slotOf(keyOfSubject(subject))

/** Subjects whose keys are all in the slot of the first one. */
export function neighbours(first: string, count: number): readonly string[] {
  const found = [first]
  for (let i = 0; found.length < count; i++) {
    const subject = `${first}-${i}`
    if (slotOfSubject(subject) === slotOfSubject(first)) found.push(subject)
  }
  return found
}

export const numbered = (stem: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => `${stem}${i}`)

/** What was counted for a subject, as Redis has it: the third number of a fixed window's state. */
export async function countedFor(engine: RedisEngine, subjects: readonly string[]): Promise<number[]> {
  const { keys } = await engine.inspect(subjects.map(keyOfSubject))
  return keys.map(({ bytes }) => (bytes.byteLength === 0 ? 0 : Buffer.from(bytes).readDoubleLE(16)))
}

interface LoadOptions {
  /** Each is asked all the time: one subject alone, several in one request. */
  readonly requests: readonly (readonly string[])[]
  /** Requests under way at once. */
  readonly inFlight?: number
  /** Of one request; default: none. */
  readonly deadlineMs?: number
}

/** Asks all the time, and tallies what came of it. */
export class ClusterLoad {
  /** Units that were granted, by subject. */
  readonly granted = new Map<string, number>()
  /** Units whose fate is not known: no answer came. */
  readonly unknown = new Map<string, number>()
  readonly errors: unknown[] = []
  readonly #engine: Engine
  readonly #options: LoadOptions
  readonly #loops: Promise<void>[]
  #next = 0
  #ended = false

  constructor(engine: Engine, options: LoadOptions) {
    this.#engine = engine
    this.#options = options
    this.#loops = Array.from({ length: options.inFlight ?? 32 }, () => this.#loop())
  }

  /** Resolves when so many more units were granted to a subject. */
  async untilGranted(subject: string, more: number): Promise<void> {
    const wanted = (this.granted.get(subject) ?? 0) + more
    while ((this.granted.get(subject) ?? 0) < wanted) await turn()
  }

  /** Resolves when so many requests have failed. */
  async untilFailed(count: number): Promise<void> {
    while (this.errors.length < count) await turn()
  }

  /** Waits for every request: one that hung would hang this. */
  async stop(): Promise<void> {
    this.#ended = true
    await Promise.all(this.#loops)
  }

  async #loop(): Promise<void> {
    const { requests, deadlineMs } = this.#options
    while (!this.#ended) {
      const subjects = requests[this.#next++ % requests.length] as readonly string[]
      const request: Check[] = subjects.map(subject => consume(LIMIT, subject))
      const options: DecideOptions =
        deadlineMs === undefined ? {} : { signal: AbortSignal.timeout(deadlineMs) }
      try {
        const { checks } = await this.#engine.decide(request, options)
        const granted = checks.every(({ status }) => status === Status.allowed)
        if (granted) for (const subject of subjects) add(this.granted, subject)
      } catch (error) {
        this.errors.push(error)
        for (const subject of subjects) add(this.unknown, subject)
        await turn()
      }
    }
  }
}

const turn = () => new Promise(resolve => setTimeout(resolve, 1))
const add = (tally: Map<string, number>, subject: string) => tally.set(subject, (tally.get(subject) ?? 0) + 1)
