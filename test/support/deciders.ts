import { Redis as Valkey } from 'iovalkey'
import { monotonicMs } from '../../src/core/time.js'
import type { Check, Outcome } from '../../src/engine/engine.js'
import { openEngine } from '../../src/engine/open-engine.js'
import { createKeyBuilder } from '../../src/keys.js'
import { loadScripts, type ScriptBuild } from '../../src/redis/scripts.js'
import { ServerTopology } from '../../src/redis/server-topology.js'
import type { UserClient } from '../../src/redis/store-options.js'
import { connectServer } from './connect.js'
import { decodeReply, encodeBlock, FIRST_LEASE_PLACE, readNowUs } from './decide-block.js'

/** Decides requests on one server. */
export interface Decider {
  /** @param nowUs us since the Unix epoch; 0: the server's own time */
  decide(request: readonly Check[], nowUs: number): Promise<Outcome>
  close(): Promise<void>
}

export interface KeyOptions {
  readonly prefix: string
  readonly shards: number
}

/** What the package does below its engines, with scripts from any folder: users get those of their own package. */
export async function openTopology(
  store: string | UserClient,
  build: ScriptBuild,
  folder: URL,
  keyOptions: KeyOptions,
): Promise<Decider> {
  const keyOf = createKeyBuilder(keyOptions)
  const topology = new ServerTopology(connectServer(store), {
    scripts: loadScripts(build, folder),
    elapsedMs: monotonicMs,
    onConnect() {},
  })
  await topology.ready()
  return {
    decide(request, nowUs) {
      const keys = request.map(({ limit, subject }) => keyOf(limit, subject))
      return topology.decide(request, keys, nowUs)
    },
    close: () => topology.close(),
  }
}

/** The engine of the package: it agrees with others on the keys, and has the scripts of this package. */
export async function openPackage(
  url: string,
  keyOptions: KeyOptions,
  native: 'never' | 'require',
): Promise<Decider> {
  // The engine reads it in the call that decides, and takes 0 for the server's own time.
  let nowUs = 0
  const engine = openEngine({ store: url, ...keyOptions, native, clock: { nowUs: () => nowUs } })
  try {
    await engine.ready()
  } catch (error) {
    await engine.close()
    throw error
  }
  return {
    decide(request, at) {
      nowUs = at
      return engine.decide(request)
    },
    close: () => engine.close(),
  }
}

/** The contract of `lua/README.md` and nothing else: no code of the package but the name of the key. */
export async function openEvalsha(url: string, folder: URL, keyOptions: KeyOptions): Promise<Decider> {
  const keyOf = createKeyBuilder(keyOptions)
  const { decide: script } = loadScripts('evalsha', folder)
  const redis = new Valkey(url)
  await redis.script('LOAD', script.source)
  return {
    async decide(request, nowUs) {
      const leases: string[] = []
      const wire = request.map(({ plan, op, n, at, leaseId }) => {
        if (leaseId === undefined) return { plan, op, n, at }
        return { plan, op, n, at: FIRST_LEASE_PLACE + leases.push(leaseId) - 1 }
      })
      const keys = request.map(({ limit, subject }) => keyOf(limit, subject))
      const args = [...keys, encodeBlock(nowUs, [wire]), ...leases]
      const reply = (await redis.callBuffer('EVALSHA', script.sha1, keys.length, ...args)) as Buffer
      return { nowUs: readNowUs(reply), checks: decodeReply(reply) as Outcome['checks'] }
    },
    async close() {
      await redis.quit()
    },
  }
}
