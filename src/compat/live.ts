import { readdirSync } from 'node:fs'
import { z } from 'zod'
import { isSluiceError } from '../errors.js'
import { metaKeyOf } from '../keys.js'
import { type Meta, readMeta } from '../redis/meta.js'
import { ask, type StoreNodes } from '../redis/store-nodes.js'
import { groupKeys, type KeyGroup, type NodeSample, sampleNode } from './live-sample.js'
import { LUA_FOLDER, readRelease } from './releases.js'

/** `lua/` of the package: the sources and the built files that read it stand two folders below the root. */

/** The batch scripts of the MCP gateway's limiter, the same in all its releases up to 0.1.12. */
const GATEWAY_SCRIPTS = {
  'mcp-gateway fixed_window': 'ee60a5e80faf208edd104dc91f68e8e38b94ac42',
  'mcp-gateway sliding_window': 'f0f527d16fd1f7449973deedffa8b25b67401683',
  'mcp-gateway token_bucket': '978b4c1b8b047d1f9705cfa3e2d376d568c95a30',
}

/** What is on the servers of a store. */
export interface LiveReport {
  readonly nodes: readonly {
    readonly address: string
    readonly keys: number
    readonly sampled: number
    readonly isWhole: boolean
  }[]
  readonly groups: readonly KeyGroup[]
  /** Keys of nobody that is known here, as the sample suggests. */
  readonly others: number
  readonly scripts: readonly LoadedScript[]
  /** Libraries of functions whose name is of Sluice. */
  readonly libraries: readonly { readonly name: string; readonly nodes: readonly string[] }[]
  readonly agreements: readonly Agreement[]
  /** What the user may not ask for, and so is missing above. */
  readonly notAllowed: readonly string[]
}

export interface LoadedScript {
  /** `decide of 0.9.0, 1.0.0`: releases may have the same script. */
  readonly name: string
  readonly sha1: string
  /** Addresses of the nodes that know it. */
  readonly nodes: readonly string[]
}

export interface Agreement {
  readonly key: string
  readonly meta: Meta | undefined
  /** Why it cannot be read; undefined where it can. */
  readonly problem: string | undefined
}

export interface LiveOptions {
  /** Keys to look at, on each node. */
  readonly sample: number
  readonly prefix: string | undefined
}

/**
 * Looks through a store without writing anything.
 *
 * @throws StoreUnavailableError, PermissionError, … when keys cannot be looked at
 */
export async function surveyStore(store: StoreNodes, { sample, prefix }: LiveOptions): Promise<LiveReport> {
  const samples: NodeSample[] = []
  for (const node of store.nodes) samples.push(await sampleNode(node, sample))
  const { groups, others } = groupKeys(samples)
  const notAllowed = new Set<string>()
  const hidden = samples.reduce((sum, node) => sum + node.hidden, 0)
  if (hidden > 0) notAllowed.add(`TYPE on ${hidden} of the keys`)
  const allowed = <T>(question: Promise<T>, otherwise: T, command: string): Promise<T> =>
    question.catch((error: unknown) => {
      if (!isSluiceError(error, 'ERR_SLUICE_PERMISSION')) throw error
      notAllowed.add(command)
      return otherwise
    })
  return {
    nodes: samples.map(({ address, total, keys, hidden: unseen, isWhole }) => ({
      address,
      keys: total,
      sampled: keys.length + unseen,
      isWhole,
    })),
    groups,
    others,
    scripts: await allowed(loadedScripts(store), [], 'SCRIPT EXISTS'),
    libraries: await allowed(loadedLibraries(store), [], 'FUNCTION LIST'),
    agreements: await agreements(store, groups, prefix),
    notAllowed: [...notAllowed],
  }
}

/** Names by digest, of this package and of every release it keeps. */
function knownScripts(): ReadonlyMap<string, string> {
  const names = new Map<string, string[]>()
  const releases = readdirSync(`${LUA_FOLDER}releases`).sort()
  for (const folder of [...releases.map(release => `releases/${release}`), '.']) {
    const { manifest } = readRelease(`${LUA_FOLDER}${folder}`)
    const release = folder === '.' ? 'this package' : folder.slice('releases/'.length)
    for (const [script, { sha1 }] of Object.entries(manifest.scripts)) {
      names.set(sha1, [...(names.get(sha1) ?? [`${script} of`]), release])
    }
  }
  const own = [...names].map(([sha1, [first, ...more]]) => [sha1, `${first} ${more.join(', ')}`] as const)
  return new Map([...own, ...Object.entries(GATEWAY_SCRIPTS).map(([name, sha1]) => [sha1, name] as const)])
}

async function loadedScripts({ nodes }: StoreNodes): Promise<readonly LoadedScript[]> {
  const known = [...knownScripts()].map(([sha1, name]) => ({ sha1, name, nodes: [] as string[] }))
  for (const node of nodes) {
    const reply = await ask(node, 'SCRIPT', 'EXISTS', ...known.map(({ sha1 }) => sha1))
    for (const [index, exists] of (reply as readonly number[]).entries()) {
      if (exists === 1) known[index]?.nodes.push(node.address)
    }
  }
  return known.filter(({ nodes: loaded }) => loaded.length > 0)
}

/** Flat pairs of a name and a value. */
const Libraries = z.array(z.array(z.unknown()))

async function loadedLibraries({ nodes }: StoreNodes): Promise<LiveReport['libraries']> {
  const found = new Map<string, string[]>()
  for (const node of nodes) {
    const libraries = Libraries.parse(await ask(node, 'FUNCTION', 'LIST', 'LIBRARYNAME', 'sluice_*'))
    for (const fields of libraries) {
      const name = String(fields[fields.indexOf('library_name') + 1])
      found.set(name, [...(found.get(name) ?? []), node.address])
    }
  }
  return [...found].map(([name, loaded]) => ({ name, nodes: loaded }))
}

/** Of every prefix in the sample, and of the one that was named. */
async function agreements(
  store: StoreNodes,
  groups: readonly KeyGroup[],
  prefix: string | undefined,
): Promise<readonly Agreement[]> {
  const own = groups.filter(({ system }) => system === 'sluice').map(group => group.prefix)
  const prefixes = new Set([...own, ...(prefix === undefined ? [] : [prefix])])
  return Promise.all(
    [...prefixes].sort().map(async (each): Promise<Agreement> => {
      const key = metaKeyOf(each)
      try {
        const node = store.nodeOf(key)
        const meta = await readMeta((command, ...args) => node.call(command, ...args), key)
        return { key, meta, problem: undefined }
      } catch (error) {
        if (!isSluiceError(error)) throw error
        return { key, meta: undefined, problem: error.message }
      }
    }),
  )
}
