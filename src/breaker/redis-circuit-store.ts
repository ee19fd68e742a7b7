import type { CircuitPlan } from '../core/circuit-plan.js'
import type { Clock } from '../core/time.js'
import { OptionError } from '../errors.js'
import { type CircuitKeys, createCircuitKeys } from '../keys.js'
import { routeTo, type ScriptRoute } from '../redis/script-route.js'
import { loadScript, type Script } from '../redis/scripts.js'
import { translateServerError } from '../redis/server-errors.js'
import { type RedisStoreOptions, scriptBuildOf, type UserClient } from '../redis/store-options.js'
import { keyPrefixOf, targetOf } from '../redis/targets/target-of.js'
import { type CircuitItem, type CircuitStore, SETTINGS_LIFE_MS } from './circuit-store.js'
import { type CircuitReply, circuitBlock, readCircuitReply } from './circuit-wire.js'

export interface RedisCircuitOptions {
  readonly store: string | RedisStoreOptions | UserClient
  /** Of the breaker. */
  readonly name: string
  readonly prefix: string | undefined
  /** Steps by this clock instead of the server's. */
  readonly clock: Clock | undefined
  random(): number
}

/** Circuits in Redis: each batch is one call of `lua/breaker.lua`, and all its steps are atomic. */
export class RedisCircuitStore implements CircuitStore {
  readonly #keys: CircuitKeys
  readonly #route: ScriptRoute
  readonly #script: Script = loadScript('breaker')
  readonly #isCluster: boolean
  readonly #clock: Clock | undefined
  readonly #random: () => number

  /** @throws OptionError, ClientError when the store cannot be used */
  constructor({ store, name, prefix, clock, random }: RedisCircuitOptions) {
    const target = targetOf(store)
    if (scriptBuildOf(store) === 'functions') {
      throw new OptionError("store.scripts: the script of breakers is no function; leave 'scripts' out")
    }
    this.#keys = createCircuitKeys(name, prefix ?? keyPrefixOf(store))
    this.#isCluster = target.kind === 'cluster'
    this.#clock = clock
    this.#random = random
    this.#route = routeTo(target)
  }

  /** A script takes keys of one slot only. */
  groupOf(identity: string): number {
    return this.#isCluster ? this.#keys.shardOf(identity) : 0
  }

  partOf(identity: string): string | undefined {
    return this.#isCluster ? this.#route.nodeOf(this.#keys.keyOf(identity)) : undefined
  }

  async apply(plan: CircuitPlan, items: readonly CircuitItem[]): Promise<CircuitReply> {
    const keys = items.map(({ identity }) => this.#keys.keyOf(identity))
    const requests = items.map(({ request }) => request)
    const block = circuitBlock(plan, requests, this.#clock?.nowUs() ?? 0, this.#random())
    const reply = await this.#route.run(this.#script, keys, [block]).catch(throwTranslated)
    return readCircuitReply(reply, items.length)
  }

  async readSettings(): Promise<string | undefined> {
    const { settingsKey } = this.#keys
    const text = await this.#route.call(settingsKey, 'GET', settingsKey).catch(throwTranslated)
    return typeof text === 'string' ? text : undefined
  }

  async writeSettings(text: string): Promise<void> {
    const { settingsKey } = this.#keys
    const life = ['PX', String(SETTINGS_LIFE_MS)]
    await this.#route.call(settingsKey, 'SET', settingsKey, text, ...life).catch(throwTranslated)
  }

  ready(): Promise<void> {
    return this.#route.ready()
  }

  close(): Promise<void> {
    return this.#route.close()
  }
}

function throwTranslated(error: unknown): never {
  throw translateServerError(error)
}
