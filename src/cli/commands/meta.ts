import { type Command, Option } from 'commander'
import { isSluiceError } from '../../errors.js'
import { createKeyBuilder, metaKeyOf } from '../../keys.js'
import { type Call, type Meta, readMeta, STATE_VERSION, writeMeta } from '../../redis/meta.js'
import type { RedisClient } from '../../redis/redis-client.js'
import { ask, connectNodes, type StoreNodes } from '../../redis/store-nodes.js'
import { targetOf } from '../../redis/targets/target-of.js'
import { plural } from '../../replay/render/wording.js'
import { Exit, UsageError } from '../exit-codes.js'
import type { Output } from '../output.js'
import { positiveInteger } from '../policy-options.js'
import { addStoreOptions, requiredStore, type StoreOptions } from '../store-options.js'

interface MetaCliOptions extends Omit<StoreOptions, 'shards'> {
  readonly setShards?: number
  readonly force: boolean
  readonly json: boolean
}

const EXAMPLES = `
Examples:
  $ sluice meta --store redis://localhost:6379
  $ sluice meta --prefix shop --set-shards 256 --store redis://localhost:6379

Another number of shards is another key for every subject: its counters start anew. Stop the limiters first: those that
run on do not notice before their next connection, and would count beside the others until then.
`

export function addMetaCommand(program: Command, output: Output, onExit: (code: Exit) => void): void {
  const command = program
    .command('meta')
    .description(
      'show or change what the limiters on a store agree on; ends with 1 when nothing is agreed on',
    )
  addStoreOptions(command, { keys: false })
    .option('--prefix <text>', 'what the limiters write before their keys')
    .addOption(
      new Option('--set-shards <n>', 'change the number of virtual shards').argParser(positiveInteger),
    )
    .option('--force', 'change it although there are counters, which are given up', false)
    .option('--json', 'print it as JSON', false)
    .addHelpText('after', EXAMPLES)
    .action(async (options: MetaCliOptions) => {
      const { setShards, prefix } = options
      if (setShards !== undefined) createKeyBuilder({ shards: setShards })
      const key = metaKeyOf(prefix)
      const store = await connectNodes(targetOf(requiredStore(options)))
      try {
        const call = callOf(store.nodeOf(key))
        if (setShards !== undefined) await changeShards(store, call, key, setShards, options.force)
        const meta = await readMeta(call, key)
        if (options.json) output.writeJson(meta === undefined ? null : { key, ...meta })
        else output.write(`${describe(key, meta)}\n`)
        onExit(meta === undefined ? Exit.refused : Exit.ok)
      } finally {
        await store.close()
      }
    })
}

const callOf =
  (client: RedisClient): Call =>
  (command, ...args) =>
    client.call(command, ...args)

const describe = (key: string, meta: Meta | undefined): string =>
  meta === undefined
    ? `'${key}' does not exist: no limiter has counted here yet, and the first one writes it`
    : `${plural(meta.shards, 'shard')}, states of version ${meta.stateVersion} ('${key}')`

async function changeShards(
  store: StoreNodes,
  call: Call,
  key: string,
  shards: number,
  force: boolean,
): Promise<void> {
  const before = await readMeta(call, key).catch((error: unknown) => {
    // Force writes over anything; whoever does not use it is told what stands there.
    if (force && isSluiceError(error, 'ERR_SLUICE_META_DAMAGED')) return undefined
    throw error
  })
  if (before?.shards === shards) return
  if (!force) await refuseCounters(store, key)
  await writeMeta(call, key, { stateVersion: before?.stateVersion ?? STATE_VERSION, shards })
}

/** @throws UsageError when there are counters under the prefix */
async function refuseCounters(store: StoreNodes, key: string): Promise<void> {
  const pattern = `${key.slice(0, -'meta'.length)}{*`
  const found = await Promise.all(store.nodes.map(node => firstKey(node, pattern)))
  const example = found.find(name => name !== undefined)
  if (example === undefined) return
  throw new UsageError(
    `there are counters of the present number of shards, such as '${example}': with another number they are given up, ` +
      'and every subject starts anew; stop the limiters, and say --force',
  )
}

/** Looks through all keys, a thousand at a time, up to the first that matches. */
async function firstKey(client: RedisClient, pattern: string): Promise<string | undefined> {
  let cursor = '0'
  do {
    const [next, keys] = (await ask(client, 'SCAN', cursor, 'MATCH', pattern, 'COUNT', '1000')) as [
      string,
      string[],
    ]
    if (keys[0] !== undefined) return keys[0]
    cursor = next
  } while (cursor !== '0')
  return undefined
}
