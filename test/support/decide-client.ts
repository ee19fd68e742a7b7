import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import type { Plan } from '../../src/core/plan.js'
import type { Op } from '../../src/core/step.js'
import { decodeReply, encodeBlock, FIRST_LEASE_PLACE, type WireOutcome } from './decide-block.js'

const LUA = new URL('../../lua/dist/decide.lua', import.meta.url)
export interface KeyedCheck {
  readonly key: string
  readonly plan: Plan
  readonly op: Op
  readonly n: number
  /** For `refund` and `rollback`. */
  readonly at?: number
  /** For `concurrency`. */
  readonly leaseId?: string
}

/** What a key holds, and when it ends by the server's clock in ms: -1 never, -2 it is absent. */
export interface Stored {
  readonly value: string
  readonly endMs: number
}

/** The built `decide` on a real server, and a look at what it left there. */
export class DecideClient {
  readonly redis: Redis
  readonly #sha1: string

  private constructor(redis: Redis, sha1: string) {
    this.redis = redis
    this.#sha1 = sha1
  }

  static async connect(url: string): Promise<DecideClient> {
    const redis = new Redis(url)
    return new DecideClient(redis, String(await redis.script('LOAD', readFileSync(LUA, 'utf8'))))
  }

  /**
   * @param nowUs 0: the server's own time
   * @param requests each of 1 to 16 checks
   */
  async decide(nowUs: number, ...requests: readonly (readonly KeyedCheck[])[]): Promise<WireOutcome[]> {
    const leases: string[] = []
    const wire = requests.map(request =>
      request.map(({ plan, op, n, at, leaseId }) => {
        if (leaseId === undefined) return { plan, op, n, at: at ?? 0 }
        return { plan, op, n, at: FIRST_LEASE_PLACE + leases.push(leaseId) - 1 }
      }),
    )
    const keys = requests.flat().map(({ key }) => key)
    const block = encodeBlock(nowUs, wire)
    return decodeReply(
      (await this.redis.callBuffer('EVALSHA', [
        this.#sha1,
        keys.length,
        ...keys,
        block,
        ...leases,
      ])) as Buffer,
    )
  }

  /** The outcome of one check. */
  async check(nowUs: number, check: KeyedCheck): Promise<WireOutcome> {
    const [outcome] = await this.decide(nowUs, [check])
    return outcome as WireOutcome
  }

  async stored(key: string): Promise<Stored> {
    const [value, endMs] = await Promise.all([this.redis.dumpBuffer(key), this.redis.pexpiretime(key)])
    return { value: value?.toString('hex') ?? '', endMs }
  }

  async close(): Promise<void> {
    await this.redis.quit()
  }
}
