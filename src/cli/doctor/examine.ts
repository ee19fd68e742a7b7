import { isSluiceError } from '../../errors.js'
import { metaKeyOf } from '../../keys.js'
import type { RedisClient } from '../../redis/redis-client.js'
import { ask, connectNodes, type StoreNodes } from '../../redis/store-nodes.js'
import { targetOf } from '../../redis/targets/target-of.js'
import { SHARD_TAGS } from '../../shard-tags.js'
import type { NamedStore } from '../store-options.js'
import { type Finding, failed, ok, warning } from './finding.js'
import { checkRights } from './rights.js'
import { type Ask, checkServer } from './server-checks.js'
import { readInfo } from './server-info.js'
import { checkCluster, checkMeta, checkTrial, SCRATCH_POLICY } from './store-checks.js'

export interface ExamineOptions {
  readonly store: NamedStore
  readonly prefix: string | undefined
  readonly shards: number | undefined
  /** The clock of this machine, ms since the Unix epoch. */
  readonly nowMs: () => number
}

/**
 * Looks at a store from every side, and leaves nothing there. Never rejects for what is wrong with the store: that is a
 * finding.
 *
 * @throws OptionError when the address cannot be accepted
 */
export async function examine({ store, prefix, shards, nowMs }: ExamineOptions): Promise<readonly Finding[]> {
  const metaKey = metaKeyOf(prefix)
  const target = targetOf(store)
  let nodes: StoreNodes
  try {
    nodes = await connectNodes(target)
  } catch (error) {
    if (!isSluiceError(error)) throw error
    return [failed('connection', error.message, 'nothing else can be looked at before it is reached')]
  }
  try {
    const scratchKey = `${metaKey.slice(0, -'meta'.length)}{${SHARD_TAGS[0]}}:${SCRATCH_POLICY}:gcra:x`
    const perServer = await Promise.all(
      nodes.nodes.map(node => examineServer(node, scratchKey, metaKey, nowMs)),
    )
    return [
      ok('connection', nodes.nodes.map(({ address }) => address).join(', ')),
      ...perServer.flat(),
      await checkCluster(nodes),
      await checkMeta(nodes, metaKey, shards),
      await checkTrial({ store, prefix }),
    ]
  } finally {
    await nodes.close()
  }
}

async function examineServer(
  node: RedisClient,
  scratchKey: string,
  metaKey: string,
  nowMs: () => number,
): Promise<readonly Finding[]> {
  const own: Ask = (command, ...args) => ask(node, command, ...args)
  const here = (finding: Finding): Finding => ({ ...finding, server: node.address })
  try {
    const info = await own('INFO').then(text => readInfo(String(text)), notAllowed)
    const unknown = warning(
      'server',
      'the user may not run INFO',
      'allow it, and what it tells can be looked at',
    )
    const findings = await checkServer(own, info, nowMs)
    const rights = await checkRights(own, scratchKey, metaKey)
    return [...(info === undefined ? [unknown] : []), ...findings, rights].map(here)
  } catch (error) {
    if (!isSluiceError(error)) throw error
    return [here(failed('server', error.message, `docs/errors.md has ${error.code}`))]
  }
}

function notAllowed(error: unknown): undefined {
  if (!isSluiceError(error, 'ERR_SLUICE_PERMISSION')) throw error
}
