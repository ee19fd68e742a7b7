import type { Check, DecideOptions, Outcome } from '../engine/engine.js'
import { Batcher } from './batcher.js'
import { type Inspection, readInspection } from './inspection.js'
import { patiently } from './patience.js'
import type { RedisClient } from './redis-client.js'
import { assertCallable, preload, runScript, type Scripts } from './scripts.js'
import { translateServerError } from './server-errors.js'
import type { Topology, TopologyOptions } from './topology.js'

/** One server, or the primary that Sentinels name: it holds all keys, so one batch takes whatever is asked. */
export class ServerTopology implements Topology {
  readonly #client: RedisClient
  readonly #scripts: Scripts
  readonly #batcher: Batcher
  #preloaded: Promise<void> | undefined

  constructor(client: RedisClient, { scripts, elapsedMs, onConnect, onBatch }: TopologyOptions) {
    this.#client = client
    this.#scripts = scripts
    this.#batcher = new Batcher(client, scripts.decide, elapsedMs, onBatch)
    client.onStateChange = state => {
      if (state === 'ready') {
        this.#preload()
        onConnect()
      }
      this.#batcher.wake()
    }
  }

  decide(
    checks: readonly Check[],
    keys: readonly string[],
    nowUs: number,
    options?: DecideOptions,
  ): Promise<Outcome> {
    return this.#batcher.decide(checks, keys, nowUs, options)
  }

  async inspect(keys: readonly string[]): Promise<Inspection> {
    await this.#connected()
    const reply = await runScript(this.#client, this.#scripts.inspect, keys, []).catch(throwTranslated)
    return readInspection(reply, keys)
  }

  async callAt(_key: string, ...command: Parameters<RedisClient['call']>): Promise<unknown> {
    await this.#connected()
    return this.#client.call(...command)
  }

  async ready(): Promise<void> {
    await this.#client.ready()
    await this.#preloaded
    await assertCallable(this.#client, this.#scripts.decide).catch(throwTranslated)
  }

  async close(): Promise<void> {
    await patiently(this.#batcher.close())
    await this.#client.close()
  }

  /** Waits for the first attempt to connect. */
  async #connected(): Promise<void> {
    if (this.#client.state === 'connecting') await this.#client.ready()
  }

  /** Checks do not wait for it. */
  #preload(): void {
    const preloaded = preload(this.#client, this.#scripts.decide).catch(throwTranslated)
    preloaded.catch(() => {})
    this.#preloaded = preloaded
  }
}

function throwTranslated(error: unknown): never {
  throw translateServerError(error)
}
