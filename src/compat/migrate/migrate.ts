import { monotonicMs } from '../../core/time.js'
import { MigrationError } from '../../errors.js'
import type { RedisClient } from '../../redis/redis-client.js'
import { pause } from './pause.js'
import { findLive, type LiveKey, type SampledKey } from './quiet.js'
import { type MigrationSide, type OpenSide, readSource, readTarget, refuseMissingPolicies } from './sides.js'
import type { MigrationSource } from './sources.js'
import type { Carried, MigrationTarget } from './targets.js'
import type { Unreadable } from './usage.js'
import { Way } from './way.js'

/** What became of a key of the old limiter. */
export type MigrationOutcome = Carried | Unreadable

export type MigrationCounts = Readonly<Record<MigrationOutcome, number>>

/** How far a migration has come: enough to go on from there in another process. */
export interface MigrationPlace {
  /** Addresses of the primaries of the old store that are through. */
  readonly done: readonly string[]
  /** The one under way, and which pattern of keys there. */
  readonly node: string
  readonly match: number
  /** Of SCAN; undefined before the first page. */
  readonly cursor: string | undefined
  /** How far that is, in slots of the server's table of keys, about. */
  readonly looked: number
  readonly scanned: number
  readonly counts: MigrationCounts
  /** The old store's clock at the very beginning, us. */
  readonly startedUs: number
}

type WalkPlace = Pick<MigrationPlace, 'done' | 'node' | 'match' | 'cursor' | 'looked'>

export interface MigrateOptions {
  /** Whose keys are read. They stay as they are. */
  readonly from: MigrationSide
  readonly to: MigrationSide
  /** Default: false, a dry run, which tells what would be done. */
  readonly apply?: boolean
  /** Carries although the old keys are still being written. Default: false. */
  readonly force?: boolean
  /** Between two looks at a sample of the old keys, ms. Default: 3,500. */
  readonly settleMs?: number
  /** Default: 5,000. */
  readonly keysPerSecond?: number
  /** Goes on from here. */
  readonly place?: MigrationPlace | undefined
  /** Is called after every page of keys, with the share of the old store that was looked through, about: 0 to 1. */
  readonly onPage?: (place: MigrationPlace, share: number) => void
  readonly signal?: AbortSignal | undefined
}

export interface MigrationReport {
  readonly applied: boolean
  /** Keys that begin as the old limiter's do. */
  readonly scanned: number
  readonly counts: MigrationCounts
  /** Up to five keys of each outcome that a person should look at. */
  readonly examples: Readonly<Record<'unknown' | 'wrongType', readonly string[]>>
  /** A key that was still being used; undefined where none was seen. */
  readonly live: LiveKey | undefined
}

const NO_COUNTS: MigrationCounts = {
  carried: 0,
  stricter: 0,
  unused: 0,
  expired: 0,
  unknown: 0,
  wrongType: 0,
}
const BEGINNING = { cursor: undefined, looked: 0 }
const PAGE_KEYS = 500
const AT_ONCE = 50
const SAMPLE_KEYS = 200
const EXAMPLES = 5
/** Idle times count whole seconds: long enough to tell a reader from nobody. */
export const SETTLE_MS = 3_500
const KEYS_PER_SECOND = 5_000

/**
 * Carries what an old limiter has counted over to a new one: for each of its keys the stricter state of both, so that a
 * second run changes nothing. Reads pages of keys; what it did until an error or abort stays done, and is harmless.
 *
 * @throws MigrationError when `apply` is set and the old keys are still being written
 * @throws OptionError, PolicyError when a side cannot be read, before anything is connected
 */
export async function migrate(options: MigrateOptions): Promise<MigrationReport> {
  const from = readSource(options.from)
  const to = readTarget(options.to, options.apply ?? false)
  refuseMissingPolicies(from, to)
  const source = await from.open()
  try {
    const target = await to.open()
    try {
      return await new Migration(options, source, target).run()
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}

class Migration {
  readonly #options: MigrateOptions
  readonly #source: OpenSide<MigrationSource>
  readonly #target: OpenSide<MigrationTarget>
  readonly #counts: Record<MigrationOutcome, number>
  readonly #examples: Record<'unknown' | 'wrongType', string[]> = { unknown: [], wrongType: [] }
  #scanned: number
  #startedUs: number
  #live: LiveKey | undefined

  constructor(options: MigrateOptions, source: OpenSide<MigrationSource>, target: OpenSide<MigrationTarget>) {
    this.#options = options
    this.#source = source
    this.#target = target
    this.#counts = { ...(options.place?.counts ?? NO_COUNTS) }
    this.#scanned = options.place?.scanned ?? 0
    this.#startedUs = options.place?.startedUs ?? 0
  }

  async run(): Promise<MigrationReport> {
    const { apply = false, place, settleMs = SETTLE_MS, signal } = this.#options
    const { primaries } = this.#source
    if (place === undefined) this.#startedUs = await primaries.nowUs()
    this.#noteLive(await findLive(primaries, await this.#sample(), settleMs, signal))

    const { matches } = this.#source.limiter
    const way = new Way(await primaries.sizes(), matches.length)
    const done: string[] = [...(place?.done ?? [])]
    for (const client of primaries.clients) {
      if (done.includes(client.address)) continue
      const own = client.address === place?.node ? place : undefined
      for (let match = own?.match ?? 0; match < matches.length; match++) {
        const { cursor, looked } = match === own?.match ? own : BEGINNING
        await this.#walk(client, { done, node: client.address, match, cursor, looked }, way)
      }
      done.push(client.address)
    }
    return {
      applied: apply,
      scanned: this.#scanned,
      counts: this.#counts,
      examples: this.#examples,
      live: this.#live,
    }
  }

  async #walk(client: RedisClient, from: WalkPlace, way: Way): Promise<void> {
    const { onPage, signal } = this.#options
    const pattern = this.#source.limiter.matches[from.match] as string
    let { cursor, looked } = from
    while (cursor !== '0') {
      signal?.throwIfAborted()
      const startMs = monotonicMs()
      const [next, keys] = await this.#source.primaries.scan(client, cursor ?? '0', pattern, PAGE_KEYS)
      for (let i = 0; i < keys.length; i += AT_ONCE) {
        await Promise.all(keys.slice(i, i + AT_ONCE).map(key => this.#carry(client, key)))
      }
      cursor = next
      looked += PAGE_KEYS
      const progress = { scanned: this.#scanned, counts: { ...this.#counts }, startedUs: this.#startedUs }
      const place = { ...from, done: [...from.done], cursor, looked, ...progress }
      onPage?.(place, way.share(place))
      await this.#pace(keys.length, startMs)
    }
  }

  async #carry(client: RedisClient, key: string): Promise<void> {
    const located = this.#source.limiter.locate(key)
    if (located === 'other') return
    if (located === undefined) return this.#count(key, 'unknown')
    const raw = await this.#source.primaries.read(client, key)
    const usage = await this.#source.limiter.read(located, raw)
    if (typeof usage === 'string') return this.#count(key, usage)
    if (usage.writtenUs > this.#startedUs) {
      this.#noteLive({ key, sign: 'it was written after the migration began' })
    }
    const { apply = false } = this.#options
    this.#count(key, await this.#target.limiter.carry(located, usage, raw.nowUs, apply))
  }

  #count(key: string, outcome: MigrationOutcome): void {
    this.#scanned++
    this.#counts[outcome]++
    if (outcome !== 'unknown' && outcome !== 'wrongType') return
    if (this.#examples[outcome].length < EXAMPLES) this.#examples[outcome].push(key)
  }

  /** @throws MigrationError where it would be wrong to go on */
  #noteLive(live: LiveKey | undefined): void {
    if (live === undefined) return
    this.#live ??= live
    const { apply = false, force = false } = this.#options
    if (!apply || force) return
    throw new MigrationError(
      live.key,
      `the old limiter still uses its keys: '${live.key}' shows it (${live.sign}); what it counts from now on would be ` +
        `lost. Stop it and run this again, let both count on the same keys by a dialect, or carry all the same with --force`,
    )
  }

  async #sample(): Promise<readonly SampledKey[]> {
    const { primaries, limiter } = this.#source
    const sample: SampledKey[] = []
    for (const client of primaries.clients) {
      for (const pattern of limiter.matches) {
        const [, keys] = await primaries.scan(client, '0', pattern, SAMPLE_KEYS * 10)
        const own = keys.filter(key => typeof limiter.locate(key) === 'object').slice(0, SAMPLE_KEYS)
        sample.push(
          ...(await Promise.all(own.map(async key => ({ client, raw: await primaries.read(client, key) })))),
        )
      }
    }
    return sample
  }

  /** Waits until these keys have taken as long as they may. */
  async #pace(keys: number, startMs: number): Promise<void> {
    const { keysPerSecond = KEYS_PER_SECOND, signal } = this.#options
    const leftMs = startMs + (keys * 1000) / keysPerSecond - monotonicMs()
    if (leftMs > 0) await pause(leftMs, signal)
  }
}
