import type { Check, Engine, Outcome } from '../../../src/engine/engine.ts'
import { createKeyBuilder } from '../../../src/keys.ts'
import { slotOf } from '../../../src/redis/cluster-slots.ts'
import type { RedisClient } from '../../../src/redis/redis-client.ts'
import { ReplyReader } from '../../../src/redis/reply.ts'
import { RequestBlock } from '../../../src/redis/request-block.ts'
import { loadScripts, preload, runScript } from '../../../src/redis/scripts.ts'
import { targetOf } from '../../../src/redis/targets/target-of.ts'

/**
 * What is left of the engine on a cluster without its batches: the same client, script, keys and replies, and one EVALSHA
 * for each check, sent to its node at once. The slots stay where they are at the start.
 */
export class OneByOneEngine implements Engine {
  readonly source = 'one by one'
  readonly #clients = new Map<string, RedisClient>()
  readonly #bySlot: RedisClient[] = []
  readonly #keyOf
  readonly #scripts = loadScripts()
  readonly #block = new RequestBlock()
  readonly #reader = new ReplyReader()
  readonly #opened: Promise<void>

  constructor(store: { readonly cluster: readonly string[] }, prefix: string) {
    this.#keyOf = createKeyBuilder({ prefix })
    this.#opened = this.#open(store)
  }

  async #open(store: { readonly cluster: readonly string[] }): Promise<void> {
    const target = targetOf(store)
    if (target.kind !== 'cluster') throw new Error('this is for a cluster')
    const first = target.connectNode(target.seeds[0] as (typeof target.seeds)[number])
    await first.ready()
    const ranges = (await first.call('CLUSTER', 'SLOTS')) as [number, number, [string, number]][]
    await first.close()
    for (const [from, to, [host, port]] of ranges) {
      const client = target.connectNode({ host, port })
      this.#clients.set(client.address, client)
      await client.ready()
      await preload(client, this.#scripts.decide)
      for (let slot = from; slot <= to; slot++) this.#bySlot[slot] = client
    }
  }

  async decide([check]: readonly [Check]): Promise<Outcome> {
    const key = this.#keyOf(check.limit, check.subject)
    this.#block.add({ checks: [check], keys: [key], nowUs: 0 })
    const { keys, args } = this.#block.take()
    const client = this.#bySlot[slotOf(key)] as RedisClient
    const reply = await runScript(client, this.#scripts.decide, keys, args)
    this.#reader.read(reply, 1)
    return this.#reader.outcome(0, 1)
  }

  ready(): Promise<void> {
    return this.#opened
  }

  async close(): Promise<void> {
    await Promise.all([...this.#clients.values()].map(client => client.close()))
  }
}
