import { Cluster } from 'ioredis'
import type { Check, Engine, Outcome } from '../../../src/engine/engine.ts'
import { createKeyBuilder } from '../../../src/keys.ts'
import { ReplyReader } from '../../../src/redis/reply.ts'
import { RequestBlock } from '../../../src/redis/request-block.ts'
import { loadScripts } from '../../../src/redis/scripts.ts'

/** What a service does that has the script and the cluster client of ioredis: one EVALSHA for each check, and no more. */
export class IoredisClusterEngine implements Engine {
  readonly source = 'ioredis Cluster'
  readonly #cluster: Cluster
  readonly #keyOf
  readonly #script = loadScripts().decide
  readonly #block = new RequestBlock()
  readonly #reader = new ReplyReader()

  constructor({ cluster }: { readonly cluster: readonly string[] }, prefix: string) {
    this.#cluster = new Cluster([...cluster].map(node => `redis://${node}`))
    this.#keyOf = createKeyBuilder({ prefix })
  }

  async decide([check]: readonly [Check]): Promise<Outcome> {
    this.#block.add({ checks: [check], keys: [this.#keyOf(check.limit, check.subject)], nowUs: 0 })
    const { keys, args } = this.#block.take()
    // The block is written anew for the next check, and this one may be sent later.
    const bytes = args.map(arg => Buffer.from(arg as Uint8Array))
    const reply = await this.#cluster.callBuffer('EVALSHA', this.#script.sha1, keys.length, ...keys, ...bytes)
    this.#reader.read(reply, 1)
    return this.#reader.outcome(0, 1)
  }

  async ready(): Promise<void> {
    await this.#cluster.ping()
    for (const node of this.#cluster.nodes('master')) await node.script('LOAD', this.#script.source)
  }

  async close(): Promise<void> {
    await this.#cluster.quit()
  }
}
