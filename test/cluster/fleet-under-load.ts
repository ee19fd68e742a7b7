import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Entry } from '../../cluster/loadtest/entries.js'
import { RecordingEngine } from '../../cluster/loadtest/recording-engine.js'
import { admissionsOf, type Replayed, replay } from '../../cluster/loadtest/replay.js'
import { Op } from '../../src/core/step.js'
import { systemClock } from '../../src/core/time.js'
import type { Check, Engine } from '../../src/engine/engine.js'
import type { Store } from '../../src/engine/engine-options.js'
import type { GuardSettings } from '../../src/engine/guard-options.js'
import { openEngine } from '../../src/engine/open-engine.js'
import { isSluiceError } from '../../src/errors.js'
import type { Limiter } from '../../src/limiter/types.js'
import { createLimiter } from '../../src/limiter.js'
import { compilePolicies, type PolicyLimit } from '../../src/policy.js'
import { type Admission, aboveLine } from '../support/history.js'
import type { RedisServer } from '../support/redis-server.js'

/** The load: this often, one check of every policy. */
const TICK_MS = 5
export const USERS = 2

/**
 * Used up in a fraction of a second, and given back over a minute, which no test takes: what is lost of a counter shows at
 * once, as admissions that no replay explains.
 */
export const POLICIES = {
  gcra: { algorithm: 'gcra', limit: 40, window: '1m' },
  token_bucket: { algorithm: 'token_bucket', limit: 40, window: '1m' },
  fixed_window: { algorithm: 'fixed_window', limit: 40, window: '1m' },
  sliding_window: { algorithm: 'sliding_window', limit: 40, window: '1m' },
} as const
/** The window of each, us. */
export const WINDOW_US = 60_000_000
export type PolicyName = keyof typeof POLICIES
export const POLICY_NAMES = Object.keys(POLICIES) as PolicyName[]

/** How a check of the load ended. */
export interface Ending {
  readonly policy: PolicyName
  readonly allowed: boolean
  /** Who decided; undefined where nobody did. */
  readonly source: string | undefined
  /** Of the error; undefined where a decision came. */
  readonly code: string | undefined
}

export interface FleetOptions {
  /** Of each replica, which has connections of its own. */
  readonly stores: readonly Store[]
  /** What every limiter is given beside the store and the policies. */
  readonly limiter?: GuardSettings
}

/** The engine, and a look at every request before it. */
const watch = (engine: RecordingEngine, look: (request: readonly Check[]) => void): Engine => ({
  source: engine.source,
  ...(engine.partOf !== undefined && { partOf: engine.partOf }),
  decide(request, options) {
    look(request)
    return engine.decide(request, options)
  },
  ready: () => engine.ready(),
  close: () => engine.close(),
})

/** Replicas that are asked all the time, while a test does something to what is beneath them. */
export class FleetUnderLoad {
  /** How the checks ended, in the order in which they did. */
  readonly endings: Ending[] = []
  /** Checks on their way. */
  pending = 0
  /** Checks that a replica sent to the store while it knew that it was down: each would have waited again. */
  askedWhileDown = 0
  /** Times that a replica found the store down. */
  outages = 0
  readonly recordings: Entry[][]
  readonly #limits = compilePolicies(POLICIES).byName
  readonly #limiters: Limiter<typeof POLICIES>[]
  readonly #timer: NodeJS.Timeout
  #asked = 0

  constructor({ stores, limiter }: FleetOptions) {
    this.recordings = stores.map(() => [])
    this.#limiters = stores.map((own, replica) => {
      const record = (entry: Entry) => this.recordings[replica]?.push(entry)
      const store = new RecordingEngine(openEngine({ store: own }), record)
      const down = new Set<string | undefined>()
      const watched = watch(store, request => {
        if (request.some(({ op }) => op === Op.consume) && down.has(store.partOf?.(request))) {
          this.askedWhileDown++
        }
      })
      // What the store refuses is what is counted here, so nothing is remembered of it.
      const made = createLimiter({ denyCache: false, ...limiter, store: watched, policies: POLICIES })
      made.on('storeDown', ({ part }) => {
        this.outages++
        down.add(part)
      })
      made.on('storeUp', ({ part }) => down.delete(part))
      return made
    })
    this.#timer = setInterval(() => this.#ask(), TICK_MS)
  }

  /** Checks that the store decided so far. */
  get decided(): number {
    return this.recordings.flat().filter(({ kind }) => kind === 'decided').length
  }

  /** The same of one replica. */
  decidedBy(replica: number): number {
    return this.recordings[replica]?.filter(({ kind }) => kind === 'decided').length ?? 0
  }

  /** Resolves when the store has decided so many more checks: it works, or works again. */
  async untilDecided(more: number): Promise<void> {
    const wanted = this.decided + more
    while (this.decided < wanted) await sleep(TICK_MS)
  }

  /** Resolves when the store has decided so many checks of a user after this instant, us. */
  async untilDecidedFor(user: string, more: number, afterUs: number): Promise<void> {
    const isOne = (entry: Entry) =>
      entry.kind === 'decided' && entry.subject === user && entry.nowUs > afterUs
    while (this.recordings.flat().filter(isOne).length < more) await sleep(TICK_MS)
  }

  /** Resolves when so many more checks have ended, however they did. */
  async untilEnded(more: number): Promise<void> {
    const wanted = this.endings.length + more
    while (this.endings.length < wanted) await sleep(TICK_MS)
  }

  /** Resolves when so many more checks have ended without the store. */
  async untilUndecided(more: number): Promise<void> {
    const count = () => this.endings.filter(({ source }) => source !== 'redis').length
    const wanted = count() + more
    while (count() < wanted) await sleep(TICK_MS)
  }

  /** Ends the load, waits for every check, and closes the limiters: a check that hung would hang this. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    while (this.pending > 0) await sleep(TICK_MS)
    await Promise.all(this.#limiters.map(limiter => limiter.close()))
  }

  /** What the algorithm says of the checks that the store decided in [fromUs, toUs). */
  replay(policy: PolicyName, fromUs = 0, toUs = Number.POSITIVE_INFINITY): Replayed {
    const isIn = (entry: Entry) => entry.kind !== 'decided' || (entry.nowUs >= fromUs && entry.nowUs < toUs)
    return replay(
      this.limitOf(policy),
      this.recordings.map(recording => recording.filter(isIn)),
    )
  }

  /** What the store admitted, user by user, in the order of time. */
  admissions(policy: PolicyName): Admission[][] {
    const decided = this.recordings
      .flat()
      .filter(entry => entry.kind === 'decided')
      .filter(entry => entry.policy === policy)
      .sort((a, b) => a.nowUs - b.nowUs)
    const users = [...new Set(decided.map(({ subject }) => subject))]
    return users.map(user =>
      admissionsOf(
        this.limitOf(policy),
        decided.filter(({ subject }) => subject === user),
      ),
    )
  }

  limitOf(policy: PolicyName): PolicyLimit {
    return this.#limits.get(policy)?.limits[0] as PolicyLimit
  }

  /** Checks that passed by the share of a replica, for want of the store. */
  get admittedWithoutStore(): [PolicyName, number][] {
    const isOne = ({ source, allowed }: Ending) => source === 'fallback' && allowed
    const admitted = this.endings.filter(isOne)
    return POLICY_NAMES.map(name => [name, admitted.filter(({ policy }) => policy === name).length])
  }

  /** Codes of the errors by which the store did not decide, each once. */
  get storeErrors(): string[] {
    const codes = this.recordings.flat().flatMap(entry => (entry.kind === 'undecided' ? [entry.code] : []))
    return [...new Set(codes)].sort()
  }

  #ask(): void {
    for (const policy of POLICY_NAMES) {
      const asked = this.#asked++
      const limiter = this.#limiters[asked % this.#limiters.length]
      const user = `user-${Math.floor(asked / POLICY_NAMES.length) % USERS}`
      this.pending++
      limiter
        ?.check(policy, user)
        .then(
          ({ allowed, source }) => ({ policy, allowed, source, code: undefined }),
          error => ({
            policy,
            allowed: false,
            source: undefined,
            code: isSluiceError(error) ? error.code : String(error),
          }),
        )
        .then(ending => {
          this.pending--
          this.endings.push(ending)
        })
    }
  }
}

/** The store decided as the algorithm decides, check by check, and never above the bound of any interval. */
export function expectExact(fleet: FleetUnderLoad): void {
  for (const policy of POLICY_NAMES) {
    const { allowed, expected, difference, brokenBound } = fleet.replay(policy)
    expect([policy, difference, brokenBound]).toEqual([policy, undefined, undefined])
    expect(allowed).toBe(expected)
    expect(allowed).toBeGreaterThan(0)
  }
}

/**
 * As `expectExact`, where some checks had no answer, so that nobody knows whether they were charged: the store admitted no
 * more than the algorithm, and no fewer than that many.
 */
export function expectExactButUnanswered(fleet: FleetUnderLoad): void {
  for (const policy of POLICY_NAMES) {
    const { allowed, expected, uncertain, brokenBound } = fleet.replay(policy)
    expect([policy, brokenBound]).toEqual([policy, undefined])
    expect(allowed).toBeLessThanOrEqual(expected)
    expect(allowed).toBeGreaterThanOrEqual(expected - uncertain)
  }
}

/** No key stays for ever: each has an expiry, but for the one by which limiters agree. */
export async function expectNoLeakedKeys(server: { cli(...args: string[]): Promise<string> }): Promise<void> {
  const found = await server.cli('--scan', '--pattern', '*sl1:*')
  const keys = found.split('\n').filter(key => key !== '' && !key.endsWith('sl1:meta'))
  const lives = await Promise.all(keys.map(async key => [key, Number(await server.cli('PTTL', key))]))
  // -1: no expiry. -2: gone meanwhile.
  expect(lives.filter(([, lifeMs]) => lifeMs === -1)).toEqual([])
}

/**
 * A server died, or lost its place to its replica, and with it what was admitted in [fromUs, toUs) and had not reached the
 * replica: that may be admitted once more, and nothing else.
 */
export function expectBoundAndLost(fleet: FleetUnderLoad, fromUs: number, toUs: number): void {
  for (const policy of POLICY_NAMES) {
    const { limit } = POLICIES[policy]
    for (const admissions of fleet.admissions(policy)) {
      const lost = admissions.filter(({ nowUs }) => nowUs >= fromUs && nowUs < toUs).length
      expect(aboveLine(admissions, { limit, windowUs: WINDOW_US }, limit + lost, 0)).toBeUndefined()
    }
  }
}

/** An instant before which all that the master wrote has reached its replica. */
export async function replicatedUntilUs(from: RedisServer, to: RedisServer): Promise<number> {
  const offset = async (node: RedisServer, field: string) =>
    Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(await node.cli('INFO', 'replication'))?.[1])
  for (;;) {
    const beforeUs = systemClock.nowUs()
    const written = await offset(from, 'master_repl_offset')
    if ((await offset(to, 'slave_repl_offset')) >= written) return beforeUs
  }
}
