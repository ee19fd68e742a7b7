import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { OUTCOME_LENGTH, REPLY_HEADER_LENGTH } from './decide-block.js'

const LUA = new URL('../../lua/dist/decide.lua', import.meta.url)
const OBSERVE = new URL('observe.lua', import.meta.url)
/** The floor of every expiry under an injected time; `observe.lua` has its own, and shows what is below. */
const INJECTED_TTL_MIN = /\b3600000\b/g

/** One run of `decide`. */
export interface Run {
  /** Places in the keys of the call, from 1; negative: the key ends before this run. */
  readonly keys: readonly number[]
  readonly block: Buffer
}

/** The built `decide`, run many times in one call on a real server, with what each run did to its keys. */
export class ObservedDecide {
  readonly #redis: Redis
  readonly #source: string
  readonly #sha1: string

  private constructor(redis: Redis, script: URL) {
    const decide = readFileSync(script, 'utf8').replaceAll(INJECTED_TTL_MIN, '0')
    this.#redis = redis
    this.#source = readFileSync(OBSERVE, 'utf8').replace('--- decide', () => decide)
    this.#sha1 = createHash('sha1').update(this.#source).digest('hex')
  }

  /** @param script default: that of this package */
  static async connect(url: string, script = LUA): Promise<ObservedDecide> {
    const observed = new ObservedDecide(new Redis(url), script)
    await observed.#redis.script('LOAD', observed.#source)
    return observed
  }

  /**
   * Makes the runs one after the other, on keys that are absent before and after, and answers their transcript.
   *
   * @param options `keysEnd`: keys end by the time that the runs give; otherwise they outlive the call, as they do for
   * an hour of the server's time
   */
  async run(
    keys: readonly string[],
    leaseIds: readonly string[],
    runs: readonly Run[],
    { keysEnd = false }: { keysEnd?: boolean } = {},
  ): Promise<Buffer> {
    const args = runs.flatMap(({ keys: places, block }) => [doubles(places), block])
    const transcript = await this.#redis.callBuffer('EVALSHA', [
      this.#sha1,
      keys.length,
      ...keys,
      keysEnd ? 'end' : 'keep',
      leaseIds.length,
      ...leaseIds,
      ...args,
    ])
    return transcript as Buffer
  }

  async close(): Promise<void> {
    await this.#redis.quit()
  }
}

const doubles = (values: readonly number[]): Buffer => Buffer.from(new Float64Array(values).buffer)

/** What one run did. */
export interface RunResult {
  readonly reply: Buffer
  /** In the order of the run's keys. `lifeMs` is -1 where the end of the key was left, -2 where nothing was written. */
  readonly keys: readonly { lifeMs: number; state: Buffer }[]
}

/** Takes a transcript apart. The runs tell how many checks and keys there are. */
export function readTranscript(transcript: Buffer, runs: readonly Run[]): RunResult[] {
  let at = 0
  const take = (length: number) => {
    at += length
    return transcript.subarray(at - length, at)
  }
  return runs.map(({ keys }) => {
    const reply = take(8 * (REPLY_HEADER_LENGTH + OUTCOME_LENGTH * keys.length))
    return {
      reply,
      keys: keys.map(() => {
        const lifeMs = take(8).readDoubleLE()
        return { lifeMs, state: take(take(8).readDoubleLE()) }
      }),
    }
  })
}
