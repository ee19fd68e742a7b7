/**
 * A replica of a fleet: a limiter of its own, on the scripts of any release, under load from the start. It writes a line
 * of JSON for everything that happens. A line of its input is the address of the server to go on with; it ends with its
 * input.
 */
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { Op, Status } from '../../../src/core/step.js'
import type { Check, Engine, Outcome } from '../../../src/engine/engine.js'
import { isSluiceError } from '../../../src/errors.js'
import { createLimiter } from '../../../src/limiter.js'
import type { Decider } from '../../support/deciders.js'
import { FLEET_POLICIES, FLEET_POLICY_NAMES, FLEET_SHARDS } from '../../support/fleet-limits.js'
import { ReplicaSettings, type ReplicaWord } from '../../support/fleet-words.js'
import { findImplementation } from '../../support/implementations.js'

const SUBJECTS = ['alice', 'bob']
const CALLERS = 4
/** Fast enough to meet every limit all the time, and slow enough that others start meanwhile. */
const PAUSE_MS = 5
/** Outcomes told in one line. */
const TOLD_AT_ONCE = 50

const settings = ReplicaSettings.parse(JSON.parse(process.argv[2] ?? ''))
const say = (word: ReplicaWord): void => console.log(JSON.stringify(word))

const { release, implementation } = findImplementation(settings.release, settings.implementation)
const open = (url: string): Promise<Decider> =>
  implementation.open(url, release, { prefix: settings.prefix, shards: FLEET_SHARDS })

/** The engine of the limiter: records what the server admitted, whoever still waits for the answer. */
class RecordingEngine implements Engine {
  readonly source = 'redis'
  #decider: Decider
  #decided = 0
  #failed: string[] = []
  #admitted: (readonly [string, string, number, number, number])[] = []

  constructor(decider: Decider) {
    this.#decider = decider
  }

  async decide(request: readonly Check[]): Promise<Outcome> {
    try {
      const outcome = await this.#decider.decide(request, 0)
      this.#record(request, outcome)
      return outcome
    } catch (error) {
      this.#failed.push(isSluiceError(error) ? error.code : String(error))
      throw error
    }
  }

  #record(request: readonly Check[], { nowUs, checks }: Outcome): void {
    this.#decided++
    for (const [i, { limit, subject, op }] of request.entries()) {
      const { status, granted, remaining } = checks[i] as Outcome['checks'][number]
      // The limiter asks again by itself when the calendar has left the plan.
      if (status < Status.denied && status !== Status.stalePlan)
        throw new Error(`a check of ${limit.policy} failed with status ${status}`)
      // The guard looks at a key, before it trusts a store again that was away: that takes nothing.
      if (op === Op.consume && status === Status.allowed)
        this.#admitted.push([limit.policy, subject, nowUs, granted, remaining])
    }
    if (this.#decided >= TOLD_AT_ONCE) this.tell()
  }

  tell(): void {
    say({ decided: this.#decided, failed: this.#failed, admitted: this.#admitted })
    this.#decided = 0
    this.#failed = []
    this.#admitted = []
  }

  async move(url: string): Promise<void> {
    const before = this.#decider
    this.#decider = await open(url)
    await before.close()
  }

  async ready(): Promise<void> {}

  close(): Promise<void> {
    return this.#decider.close()
  }
}

const engine = new RecordingEngine(await open(settings.url))
const limiter = createLimiter({
  store: engine,
  policies: FLEET_POLICIES,
  // Nobody but the server may admit anything here, and nobody else spares it a refusal.
  onStoreFailure: 'closed',
  denyCache: false,
  deadline: '5s',
})

// What fails is told in words.
limiter.on('warning', () => {})

let ending = false

async function call(first: number): Promise<void> {
  for (let turn = first; !ending; turn++) {
    const policy = FLEET_POLICY_NAMES[turn % FLEET_POLICY_NAMES.length] as (typeof FLEET_POLICY_NAMES)[number]
    const subject = SUBJECTS[Math.floor(turn / FLEET_POLICY_NAMES.length) % SUBJECTS.length] as string
    // A lease that nobody gives back is the hardest to count: it has to end by itself, not too soon.
    if (policy === 'concurrency') await limiter.acquire(policy, subject, { autoRenew: false })
    else await limiter.check(policy, subject)
    await sleep(PAUSE_MS)
  }
}

const calls = Array.from({ length: CALLERS }, (_, i) => call(i * 3))
say({ ready: true })
for await (const url of createInterface({ input: process.stdin })) {
  await engine.move(url)
  say({ moved: true })
}
ending = true
await Promise.all(calls)
engine.tell()
await limiter.close()
say({ ended: true })
