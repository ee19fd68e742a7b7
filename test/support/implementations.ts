import { existsSync, readdirSync } from 'node:fs'
import { Redis as Valkey } from 'iovalkey'
import { createClient } from 'redis'
import { monotonicMs } from '../../src/core/time.js'
import type { Check, Outcome } from '../../src/engine/engine.js'
import { createKeyBuilder } from '../../src/keys.js'
import type { ScriptBuild, Scripts } from '../../src/redis/scripts.js'
import { ServerTopology } from '../../src/redis/server-topology.js'
import type { UserClient } from '../../src/redis/store-options.js'
import { connectServer } from './connect.js'
import { decodeReply, encodeBlock, FIRST_LEASE_PLACE, readNowUs } from './decide-block.js'

/** Scripts of a release, or of the working tree. */
export interface ScriptRelease {
  /** `0.9.0`; the working tree is `now`. */
  readonly name: string
  readonly folder: URL
}

const LUA = new URL('../../lua/', import.meta.url)

/** Every frozen release, oldest first, and the working tree. */
export const RELEASES: readonly ScriptRelease[] = [
  ...readdirSync(new URL('releases/', LUA))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .map(name => ({ name, folder: new URL(`releases/${name}/`, LUA) })),
  { name: 'now', folder: LUA },
]

/** Decides requests by the scripts of one release on one server. */
export interface Decider {
  /** @param nowUs us since the Unix epoch; 0: the server's own time */
  decide(request: readonly Check[], nowUs: number): Promise<Outcome>
  close(): Promise<void>
}

export interface KeyOptions {
  readonly prefix: string
  readonly shards: number
}

/** One way in which a replica can speak with a server. */
export interface Implementation {
  readonly name: string
  readonly build: ScriptBuild
  open(url: string, scripts: Scripts, keys: KeyOptions): Promise<Decider>
}

const IMPLEMENTATIONS: readonly Implementation[] = [
  { name: 'ioredis', build: 'evalsha', open: (url, ...rest) => openTopology(url, ...rest) },
  {
    name: 'node-redis',
    build: 'evalsha',
    open: (url, ...rest) => openTopology(createClient({ url }), ...rest),
  },
  { name: 'iovalkey', build: 'evalsha', open: openIovalkey },
  { name: 'a plain EVALSHA', build: 'evalsha', open: openEvalsha },
  { name: 'ioredis by FCALL', build: 'functions', open: (url, ...rest) => openTopology(url, ...rest) },
  {
    name: 'node-redis by FCALL',
    build: 'functions',
    open: (url, ...rest) => openTopology(createClient({ url }), ...rest),
  },
]

/** The ways to use a release: before 1.0.0 there were no functions. */
export function implementationsOf({ folder }: ScriptRelease): readonly Implementation[] {
  const hasFunctions = existsSync(new URL('dist/functions.lua', folder))
  return IMPLEMENTATIONS.filter(({ build }) => build === 'evalsha' || hasFunctions)
}

/** What the package does below its engines, with the scripts of any release: users get those of their own package. */
async function openTopology(
  store: string | UserClient,
  scripts: Scripts,
  keyOptions: KeyOptions,
): Promise<Decider> {
  const keyOf = createKeyBuilder(keyOptions)
  const topology = new ServerTopology(connectServer(store), {
    scripts,
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

/** It gives its address and settings to connections of its own kind, and is never connected itself. */
async function openIovalkey(url: string, scripts: Scripts, keys: KeyOptions): Promise<Decider> {
  const client = new Valkey(url, { lazyConnect: true })
  return openTopology(client, scripts, keys)
}

/** The contract of `lua/README.md` and nothing else: no code of the package but the name of the key. */
async function openEvalsha(url: string, { decide }: Scripts, keyOptions: KeyOptions): Promise<Decider> {
  const keyOf = createKeyBuilder(keyOptions)
  const redis = new Valkey(url)
  await redis.script('LOAD', decide.source)
  return {
    async decide(request, nowUs) {
      const leases: string[] = []
      const wire = request.map(({ plan, op, n, at, leaseId }) => {
        if (leaseId === undefined) return { plan, op, n, at }
        return { plan, op, n, at: FIRST_LEASE_PLACE + leases.push(leaseId) - 1 }
      })
      const keys = request.map(({ limit, subject }) => keyOf(limit, subject))
      const args = [...keys, encodeBlock(nowUs, [wire]), ...leases]
      const reply = (await redis.callBuffer('EVALSHA', decide.sha1, keys.length, ...args)) as Buffer
      return { nowUs: readNowUs(reply), checks: decodeReply(reply) as Outcome['checks'] }
    },
    async close() {
      await redis.quit()
    },
  }
}
