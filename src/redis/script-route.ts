import { monotonicMs } from '../core/time.js'
import type { Caller } from '../engine/engine.js'
import { StoreUnavailableError } from '../errors.js'
import { ClusterTopology } from './cluster-topology.js'
import type { RedisClient, RedisTarget, ScriptArg } from './redis-client.js'
import { loadScripts, runScript, type Script } from './scripts.js'

/** How scripts other than `decide` come to the server that has a key. */
export interface ScriptRoute {
  /**
   * @param keys at least one; in a cluster all of them in one slot
   * @param caller asked when it would be sent: once he is gone it is not
   * @throws what `RedisClient.evaluate` does
   */
  run(script: Script, keys: readonly string[], args: readonly ScriptArg[], caller?: Caller): Promise<unknown>
  /** Any other command on one key. @throws what `RedisClient.call` does */
  call(key: string, ...command: Parameters<RedisClient['call']>): Promise<unknown>
  /** Names the node that has a key; undefined where there is one server, or nobody knows yet. */
  nodeOf(key: string): string | undefined
  ready(): Promise<void>
  close(): Promise<void>
}

/** Connects in the background. */
export const routeTo = (target: RedisTarget): ScriptRoute =>
  target.kind === 'cluster' ? new ClusterRoute(target) : new ServerRoute(target.connect())

class ServerRoute implements ScriptRoute {
  readonly #client: RedisClient

  constructor(client: RedisClient) {
    this.#client = client
  }

  async run(
    script: Script,
    keys: readonly string[],
    args: readonly ScriptArg[],
    caller?: Caller,
  ): Promise<unknown> {
    // What is asked before the first attempt has ended waits for it, as with any other store.
    if (this.#client.state === 'connecting') await this.#client.ready()
    if (caller?.isGone) throw new StoreUnavailableError('nobody waits any more; nothing was charged')
    return runScript(this.#client, script, keys, args)
  }

  async call(_key: string, ...command: Parameters<RedisClient['call']>): Promise<unknown> {
    if (this.#client.state === 'connecting') await this.#client.ready()
    return this.#client.call(...command)
  }

  nodeOf(): undefined {
    return undefined
  }

  ready(): Promise<void> {
    return this.#client.ready()
  }

  close(): Promise<void> {
    return this.#client.close()
  }
}

class ClusterRoute implements ScriptRoute {
  readonly #topology: ClusterTopology

  constructor(target: Extract<RedisTarget, { kind: 'cluster' }>) {
    this.#topology = new ClusterTopology(target, {
      scripts: loadScripts(),
      elapsedMs: monotonicMs,
      onConnect: () => {},
      onLoss: () => {},
    })
  }

  run(script: Script, keys: readonly string[], args: readonly ScriptArg[]): Promise<unknown> {
    return this.#topology.runAt(script, keys, args)
  }

  call(key: string, ...command: Parameters<RedisClient['call']>): Promise<unknown> {
    return this.#topology.callAt(key, ...command)
  }

  nodeOf(key: string): string | undefined {
    return this.#topology.nodeOf([key])
  }

  ready(): Promise<void> {
    return this.#topology.ready()
  }

  close(): Promise<void> {
    return this.#topology.close()
  }
}
