import { randomBytes } from 'node:crypto'
import { Op, Status } from '../../core/step.js'
import { createEngine } from '../../engine/create-engine.js'
import type { Check } from '../../engine/engine.js'
import { isSluiceError } from '../../errors.js'
import { DEFAULT_SHARDS } from '../../keys.js'
import { compilePolicies, type PolicyLimit } from '../../policy.js'
import { SLOTS, type SlotRange } from '../../redis/cluster-slots.js'
import { readMeta, STATE_VERSION } from '../../redis/meta.js'
import { ask, type StoreNodes } from '../../redis/store-nodes.js'
import { plural } from '../../replay/render/wording.js'
import type { NamedStore } from '../store-options.js'
import { type Finding, failed, ok, skipped } from './finding.js'

/** The name of a policy that nobody has, for keys of a moment. */
export const SCRATCH_POLICY = 'sluice-doctor'
/** So many that every master of a usual cluster gets some. */
const TRIALS = 32

/** Every slot has a master, every master answers, and each of them takes the cluster for whole. */
export async function checkCluster({ slots, nodes, unreachable }: StoreNodes): Promise<Finding> {
  if (slots === undefined) return skipped('cluster', 'it is one server')
  const covered = slots.reduce((sum, { from, to }) => sum + to - from + 1, 0)
  const found = `${plural(nodes.length, 'master')} that answer, ${covered} of ${SLOTS} slots served`
  if (unreachable.length > 0) {
    return failed(
      'cluster',
      `${found}; ${unreachable.map(({ address, error }) => `${address}: ${error.message}`).join('; ')}`,
      'every master must be reachable from here, by the address that CLUSTER SLOTS tells',
    )
  }
  const views = await Promise.allSettled(nodes.map(node => ask(node, 'CLUSTER', 'INFO')))
  const isBroken = views.some(
    view => view.status === 'fulfilled' && !String(view.value).includes('cluster_state:ok'),
  )
  if (covered < SLOTS || isBroken) {
    return failed(
      'cluster',
      isBroken ? `${found}; not every master takes the cluster for whole` : found,
      "subjects of the other slots cannot be decided: 'redis-cli --cluster fix' assigns them",
    )
  }
  return ok('cluster', `${found}, ${plural(replicasOf(slots), 'replica')}`)
}

const replicasOf = (slots: readonly SlotRange[]): number =>
  new Set(slots.flatMap(({ replicas }) => replicas.map(({ host, port }) => `${host}:${port}`))).size

/** @param shards that the limiters are set up for, as far as the caller says */
export async function checkMeta(
  store: StoreNodes,
  key: string,
  shards: number | undefined,
): Promise<Finding> {
  try {
    const node = store.nodeOf(key)
    const meta = await readMeta((command, ...args) => node.call(command, ...args), key)
    if (meta === undefined) return ok('agreement', `'${key}' does not exist: no limiter has counted here yet`)
    const found = `${plural(meta.shards, 'shard')}, states of version ${meta.stateVersion}`
    const own = shards ?? DEFAULT_SHARDS
    if (meta.stateVersion !== STATE_VERSION) {
      return failed(
        'agreement',
        found,
        `this release keeps states of version ${STATE_VERSION}: use a prefix of its own`,
      )
    }
    if (meta.shards !== own) {
      return failed(
        'agreement',
        found,
        `limiters with shards: ${own} are refused: set shards: ${meta.shards}`,
      )
    }
    return ok('agreement', found)
  } catch (error) {
    if (!isSluiceError(error)) throw error
    return failed('agreement', error.message, `'sluice meta' shows and changes it`)
  }
}

export interface TrialOptions {
  readonly store: NamedStore
  readonly prefix: string | undefined
}

/** Decides for subjects that nobody has, as a limiter would, and deletes their keys again. */
export async function checkTrial({ store, prefix }: TrialOptions): Promise<Finding> {
  const { engine } = createEngine({ store, prefix, shared: false })
  const [limit] = compilePolicies({ [SCRATCH_POLICY]: '5/m' }).byName.get(SCRATCH_POLICY)?.limits ?? []
  const subjects = Array.from({ length: TRIALS }, () => randomBytes(6).toString('hex'))
  const checks = (op: Op) => subjects.map(subject => [checkOf(limit as PolicyLimit, subject, op)])
  try {
    await engine.ready()
    const outcomes = await Promise.all(checks(Op.consume).map(request => engine.decide(request)))
    await Promise.all(checks(Op.reset).map(request => engine.decide(request)))
    const wrong = outcomes.filter(
      ({ checks: [first] }) => first?.status !== Status.allowed || first.remaining !== 4,
    )
    if (wrong.length === 0) return ok('trial', `${TRIALS} subjects decided, and forgotten again`)
    return failed(
      'trial',
      `${wrong.length} of ${TRIALS} decisions were wrong`,
      'look for a proxy that changes replies',
    )
  } catch (error) {
    if (!isSluiceError(error)) throw error
    return failed('trial', error.message, `docs/errors.md has ${error.code}`)
  } finally {
    await engine.close()
  }
}

const checkOf = (limit: PolicyLimit, subject: string, op: Op): Check => ({
  limit,
  plan: limit.plan,
  subject,
  op,
  n: 1,
  at: 0,
})
