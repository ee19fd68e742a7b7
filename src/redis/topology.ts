import type { Check, DecideOptions, Outcome } from '../engine/engine.js'
import type { Batch } from '../events.js'
import type { Inspection } from './inspection.js'
import type { RedisClient } from './redis-client.js'
import type { Scripts } from './scripts.js'

export interface TopologyOptions {
  readonly scripts: Scripts
  /** A clock that never steps back. */
  readonly elapsedMs: () => number
  /** Is called on every new connection that keys are asked over: another server may be there than before. */
  readonly onConnect: () => void
  /** Told of every batch that came back or failed. */
  readonly onBatch?: OnBatch | undefined
}

export type OnBatch = (batch: Batch) => void

/** Where keys are: on one server, or spread over the nodes of a cluster. */
export interface Topology {
  /**
   * Decides one request.
   *
   * @param keys the key of each check
   * @param nowUs us since the Unix epoch by an injected clock; 0: the server's own
   */
  decide(
    checks: readonly Check[],
    keys: readonly string[],
    nowUs: number,
    options?: DecideOptions,
  ): Promise<Outcome>

  inspect(keys: readonly string[]): Promise<Inspection>

  /**
   * Any command on one key, sent to where the key is; waits for the first attempt to connect. Rejects as
   * `RedisClient.call` does.
   */
  callAt(key: string, ...command: Parameters<RedisClient['call']>): Promise<unknown>

  /** Resolves when requests can be decided; rejects with the reason when they cannot. */
  ready(): Promise<void>

  /** Takes no more requests, waits for those under way, and closes every connection. */
  close(): Promise<void>
}
