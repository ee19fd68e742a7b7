import { existsSync, readdirSync } from 'node:fs'
import { Redis as Valkey } from 'iovalkey'
import { createClient } from 'redis'
import type { ScriptBuild } from '../../src/redis/scripts.js'
import type { UserClient } from '../../src/redis/store-options.js'
import { type Decider, type KeyOptions, openEvalsha, openPackage, openTopology } from './deciders.js'
import { withoutNative } from './native.js'

/** Scripts of a release, or of the working tree. */
export interface ScriptRelease {
  /** `0.9.0`; the working tree is `now`. */
  readonly name: string
  readonly folder: URL
}

const LUA = new URL('../../lua/', import.meta.url)
const NOW: ScriptRelease = { name: 'now', folder: LUA }

/** Every frozen release, oldest first, and the working tree. */
export const RELEASES: readonly ScriptRelease[] = [
  ...readdirSync(new URL('releases/', LUA))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .map(name => ({ name, folder: new URL(`releases/${name}/`, LUA) })),
  NOW,
]

/** One way in which a replica can speak with a server. The suites run every one with each release that it can use. */
export interface Implementation {
  readonly name: string
  /** Whether it can decide by the scripts of this release. */
  canUse(release: ScriptRelease): boolean
  /** @throws what tells why it cannot serve */
  open(url: string, release: ScriptRelease, keys: KeyOptions): Promise<Decider>
}

/** The package's client, batcher and calls of scripts, over a client of one kind. */
function throughPackage(
  name: string,
  build: ScriptBuild,
  storeOf: (url: string) => string | UserClient,
): Implementation {
  return {
    name,
    // Before 1.0.0 there were no functions.
    canUse: ({ folder }) => build === 'evalsha' || existsSync(new URL('dist/functions.lua', folder)),
    open: (url, { folder }, keys) => openTopology(storeOf(url), build, folder, keys),
  }
}

const ioredis = (url: string) => url
const nodeRedis = (url: string) => createClient({ url })
/** It gives its address and settings to connections of its own kind, and is never connected itself. */
const iovalkey = (url: string) => new Valkey(url, { lazyConnect: true })

const IMPLEMENTATIONS: readonly Implementation[] = [
  throughPackage('ioredis', 'evalsha', ioredis),
  throughPackage('node-redis', 'evalsha', nodeRedis),
  throughPackage('iovalkey', 'evalsha', iovalkey),
  throughPackage('ioredis by FCALL', 'functions', ioredis),
  throughPackage('node-redis by FCALL', 'functions', nodeRedis),
  {
    name: 'a plain EVALSHA',
    canUse: () => true,
    open: (url, { folder }, keys) => openEvalsha(url, folder, keys),
  },
  {
    name: 'the package',
    // It brings its own scripts.
    canUse: release => release === NOW,
    open: (url, _, keys) => openPackage(url, keys, 'never'),
  },
  {
    name: 'native',
    // It has them built in.
    canUse: release => release === NOW && withoutNative === undefined,
    open: (url, _, keys) => openPackage(url, keys, 'require'),
  },
]

/** The ways to use a release. */
export const implementationsOf = (release: ScriptRelease): readonly Implementation[] =>
  IMPLEMENTATIONS.filter(implementation => implementation.canUse(release))

/** A release and a way to use it, by their names. @throws where there is none */
export function findImplementation(
  releaseName: string,
  name: string,
): { readonly release: ScriptRelease; readonly implementation: Implementation } {
  const release = RELEASES.find(known => known.name === releaseName)
  const implementation = release && implementationsOf(release).find(known => known.name === name)
  if (release === undefined || implementation === undefined) {
    throw new Error(`no release ${releaseName} by ${name}`)
  }
  return { release, implementation }
}
