import { z } from 'zod'
import type { RedisClient, RedisTarget, ScriptArg } from '../../redis/redis-client.js'
import { loadScript, runScript, type Script } from '../../redis/scripts.js'
import { translateServerError } from '../../redis/server-errors.js'
import { ask, connectNodes, type StoreNodes } from '../../redis/store-nodes.js'

/** What stands at a key. */
export interface RawKey {
  readonly key: string
  /** As TYPE says; `none` where there is no such key. */
  readonly type: string
  /** ms since the Unix epoch; -1 endless. */
  readonly endMs: number
  /** s since the last command that used it; -1 where the server keeps no such time. */
  readonly idleS: number
  /** The server's clock when it was read. */
  readonly nowUs: number
  /** The text of a string, the scores of a sorted set, or fields and values of a hash by turns. */
  readonly content: readonly Uint8Array[]
}

const Text = z.instanceof(Uint8Array).transform(bytes => Buffer.from(bytes).toString())
const ReadReply = z.tuple([Text, z.int(), z.int(), z.int(), z.array(z.instanceof(Uint8Array))])
const ScanReply = z.tuple([z.string(), z.array(z.string())])

const readScript = loadScript('compat/read')

/** Every server of a store that holds keys: one, or the masters of a cluster. */
export class Primaries {
  readonly #store: StoreNodes

  private constructor(store: StoreNodes) {
    this.#store = store
  }

  get clients(): readonly RedisClient[] {
    return this.#store.nodes
  }

  /** @throws StoreUnavailableError when one of them cannot be reached: its keys would be left out */
  static async open(store: RedisTarget): Promise<Primaries> {
    const nodes = await connectNodes(store)
    const [missing] = nodes.unreachable
    if (missing === undefined) return new Primaries(nodes)
    await nodes.close()
    throw missing.error
  }

  /** Keys of each server, by its address. */
  async sizes(): Promise<ReadonlyMap<string, number>> {
    const sizes = this.clients.map(
      async client => [client.address, Number(await ask(client, 'DBSIZE'))] as const,
    )
    return new Map(await Promise.all(sizes))
  }

  async nowUs(): Promise<number> {
    const reply = await ask(this.clients[0] as RedisClient, 'TIME')
    const [seconds, micros] = z.tuple([z.coerce.number(), z.coerce.number()]).parse(reply)
    return seconds * 1_000_000 + micros
  }

  /** One page of the keys of one server. A cursor of `0` begins, and ends, the walk. */
  async scan(client: RedisClient, cursor: string, match: string, count: number): Promise<[string, string[]]> {
    return ScanReply.parse(await ask(client, 'SCAN', cursor, 'MATCH', match, 'COUNT', String(count)))
  }

  async read(client: RedisClient, key: string): Promise<RawKey> {
    const reply = ReadReply.parse(await runScript(client, readScript, [key], []).catch(throwTranslated))
    const [type, endMs, idleS, nowUs, content] = reply
    return { key, type, endMs, idleS, nowUs, content }
  }

  /** Runs a script where its key is. */
  run(script: Script, key: string, args: readonly ScriptArg[]): Promise<unknown> {
    return runScript(this.#store.nodeOf(key), script, [key], args).catch(throwTranslated)
  }

  /** Any other command on one key. Rejects as `RedisClient.call` does. */
  call(key: string, ...command: Parameters<RedisClient['call']>): Promise<unknown> {
    return this.#store.nodeOf(key).call(...command)
  }

  close(): Promise<void> {
    return this.#store.close()
  }
}

function throwTranslated(error: unknown): never {
  throw translateServerError(error)
}
