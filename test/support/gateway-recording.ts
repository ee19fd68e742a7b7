import { readFileSync } from 'node:fs'
import type { Redis } from 'ioredis'
import type { GatewayAnswer, GatewayConfig } from '../../src/compat/index.js'
import type { GatewayCall } from '../../src/compat/mcp-gateway/dimensions.js'

/** What keys hold: counts, scores of logs (their members mean nothing), buckets. */
export type Stored = Readonly<Record<string, string | readonly number[] | Readonly<Record<string, string>>>>

/** Made by running `cpex-rate-limiter` 0.1.12 itself: `test/vectors/compat/record-mcp-gateway.py` says how. */
export const recorded = JSON.parse(
  readFileSync(new URL('../vectors/compat/mcp-gateway.json', import.meta.url), 'utf8'),
) as {
  readonly names: readonly { config: GatewayConfig; call: GatewayCall; keys: readonly string[] }[]
  readonly scenarios: readonly {
    readonly name: string
    readonly config: GatewayConfig
    readonly calls: readonly { call: GatewayCall; nowS: number; answer: GatewayAnswer; stored: Stored }[]
  }[]
  /** Two limiters on one server, by turns: the calls of Sluice, made by its script, have no answer here. */
  readonly turns: {
    /** SHA-1 of that script. */
    readonly script: string
    readonly fleets: readonly {
      readonly config: GatewayConfig
      readonly call: GatewayCall
      readonly turns: readonly { nowS: number; answer?: GatewayAnswer; stored: Stored }[]
    }[]
  }
}

/** Answers tell the life of a count in seconds, rounded to the nearest. */
const UNNOTICED_MS = 400
const LONG_S = 3600

/** All keys of a server that is the gateway's alone. */
export class GatewayKeys {
  readonly #redis: Redis

  constructor(redis: Redis) {
    this.#redis = redis
  }

  async names(): Promise<string[]> {
    return (await this.#redis.keys('*')).sort()
  }

  async stored(): Promise<Stored> {
    const redis = this.#redis
    const read = async (key: string) => {
      const type = await redis.type(key)
      if (type === 'string') return redis.get(key)
      if (type === 'hash') return redis.hgetall(key)
      return (await redis.zrange(key, '0', '-1', 'WITHSCORES')).filter((_, i) => i % 2 === 1).map(Number)
    }
    const names = await this.names()
    return Object.fromEntries(await Promise.all(names.map(async key => [key, await read(key)])))
  }

  async store(state: Stored): Promise<void> {
    const redis = this.#redis
    await redis.flushall()
    for (const [key, value] of Object.entries(state)) {
      if (typeof value === 'string') await redis.set(key, value)
      else if (isScores(value)) await redis.zadd(key, ...value.flatMap((score, i) => [score, `theirs:${i}`]))
      else await redis.hset(key, value)
    }
  }

  /** Of every key, s; -1 for one without an end. */
  lives(): Promise<number[]> {
    return this.names().then(names => Promise.all(names.map(key => this.#redis.ttl(key))))
  }

  /**
   * Makes a call in a moment. The seconds of a recording do not pass on the server, so what ends by its clock begins its life
   * anew before the call, and ends in an hour after it. A call that took too long is made again on the same keys.
   */
  async inNoTime<T>(call: () => Promise<T>): Promise<T> {
    const redis = this.#redis
    const names = await this.names()
    const dumps = await Promise.all(names.map(async key => ({ key, dump: await redis.dumpBuffer(key) })))
    for (;;) {
      const fromMs = await this.#nowMs()
      await redis.flushall()
      for (const { key, dump } of dumps) await redis.restore(key, 0, dump as Buffer)
      for (const key of names) await redis.expire(key, await this.#lifeOf(key))
      const result = await call()
      for (const key of await this.names()) await redis.expire(key, LONG_S)
      if ((await this.#nowMs()) - fromMs < UNNOTICED_MS) return result
    }
  }

  async #lifeOf(key: string): Promise<number> {
    const isCount = (await this.#redis.type(key)) === 'string'
    return isCount ? Number(key.slice(key.lastIndexOf(':') + 1)) : LONG_S
  }

  async #nowMs(): Promise<number> {
    const [seconds, micros] = await this.#redis.time()
    return Number(seconds) * 1000 + Number(micros) / 1000
  }
}

/** Servers write the same fraction with more or fewer digits. */
export const numbersOf = (state: Stored) =>
  Object.entries(state).map(([key, value]) => [
    key,
    typeof value === 'string' || isScores(value)
      ? value
      : Object.entries(value).map(([field, text]) => [field, Number(text)]),
  ])

const isScores = (value: Stored[string]): value is readonly number[] => Array.isArray(value)
