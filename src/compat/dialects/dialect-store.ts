import { z } from 'zod'
import type { Caller, DecideOptions } from '../../engine/engine.js'
import { OptionError, ProtocolError, StoreUnavailableError } from '../../errors.js'
import type { RedisClient } from '../../redis/redis-client.js'
import { runScript, type Script } from '../../redis/scripts.js'
import { translateServerError } from '../../redis/server-errors.js'
import type { RedisStoreOptions, UserClient } from '../../redis/store-options.js'
import { targetOf } from '../../redis/targets/target-of.js'
import { rejectOnAbort } from '../../redis/waiting.js'

/** Where the other system's keys are: as the `store` of `createLimiter`, on one server. */
export type DialectStore = string | RedisStoreOptions | UserClient

/** A server that holds keys of another system. */
export class DialectConnection {
  readonly #client: RedisClient

  /** @throws OptionError, ClientError when the store cannot be used */
  constructor(dialect: string, store: DialectStore) {
    const target = targetOf(store)
    if (target.kind === 'cluster') {
      throw new OptionError(`the dialect '${dialect}' works on one server, and the store is a cluster`)
    }
    this.#client = target.connect()
  }

  /**
   * Runs a script.
   *
   * @throws ProtocolError when the answer is not what `reply` describes
   */
  async run<T>(
    script: Script,
    reply: z.ZodType<T>,
    keys: readonly string[],
    args: readonly string[],
    { signal, caller }: DecideOptions = {},
  ): Promise<T> {
    signal?.throwIfAborted()
    const asked = this.#run(script, keys, args, caller)
    const parsed = reply.safeParse(await (signal === undefined ? asked : unlessAborted(asked, signal)))
    if (parsed.success) return parsed.data
    throw new ProtocolError(
      `the reply of Redis to '${script.name}' is not one: ${z.prettifyError(parsed.error)}`,
    )
  }

  ready(): Promise<void> {
    return this.#client.ready()
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  async #run(
    script: Script,
    keys: readonly string[],
    args: readonly string[],
    caller: Caller | undefined,
  ): Promise<unknown> {
    try {
      // What is asked before the first attempt has ended waits for it, as with any other store.
      if (this.#client.state === 'connecting') await this.#client.ready()
      if (caller?.isGone) throw new StoreUnavailableError('nobody waits any more; nothing was charged')
      return await runScript(this.#client, script, keys, args)
    } catch (error) {
      throw translateServerError(error)
    }
  }
}

/** What is on its way to the server may still be executed. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    rejectOnAbort(promise, reject, signal)
    promise.then(resolve, reject)
  })
}
