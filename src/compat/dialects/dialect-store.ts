import { z } from 'zod'
import type { DecideOptions } from '../../engine/engine.js'
import { OptionError, ProtocolError } from '../../errors.js'
import { routeTo, type ScriptRoute } from '../../redis/script-route.js'
import type { Script } from '../../redis/scripts.js'
import { translateServerError } from '../../redis/server-errors.js'
import { type RedisStoreOptions, scriptBuildOf, type UserClient } from '../../redis/store-options.js'
import { keyPrefixOf, targetOf } from '../../redis/targets/target-of.js'
import { rejectOnAbort } from '../../redis/waiting.js'

/** Where the other system's keys are: as the `store` of `createLimiter`. */
export type DialectStore = string | RedisStoreOptions | UserClient

/** A store that holds keys of another system. */
export class DialectConnection {
  readonly isCluster: boolean
  readonly #route: ScriptRoute
  /** Of the user's client: it stands before the keys of the other system as well. */
  readonly #prefix: string

  /** @throws OptionError, ClientError when the store cannot be used */
  constructor(store: DialectStore) {
    const target = targetOf(store)
    if (scriptBuildOf(store) === 'functions') {
      throw new OptionError("store.scripts: the scripts of dialects are no functions; leave 'scripts' out")
    }
    this.#prefix = keyPrefixOf(store) ?? ''
    this.isCluster = target.kind === 'cluster'
    this.#route = routeTo(target)
  }

  /**
   * Runs a script that answers with integers.
   *
   * @param keys at least one; in a cluster all of them in one slot
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
    const own = keys.map(key => this.#prefix + key)
    const asked = this.#route.run(script, own, args, caller).catch(error => {
      throw translateServerError(error)
    })
    const parsed = reply.safeParse(await (signal === undefined ? asked : unlessAborted(asked, signal)))
    if (parsed.success) return parsed.data
    throw new ProtocolError(
      `the reply of Redis to '${script.name}' is not one: ${z.prettifyError(parsed.error)}`,
    )
  }

  ready(): Promise<void> {
    return this.#route.ready()
  }

  close(): Promise<void> {
    return this.#route.close()
  }
}

/** What is on its way to the server may still be executed. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    rejectOnAbort(promise, reject, signal)
    promise.then(resolve, reject)
  })
}
