import { Redis } from 'ioredis'
import type { Plan } from '../../src/core/plan.js'
import { Op, Status } from '../../src/core/step.js'
import type { Check, CheckOutcome } from '../../src/engine/engine.js'
import { metaKeyOf } from '../../src/keys.js'
import type { Decider } from './deciders.js'
import { GOLDEN_KEYS, type GoldenKey } from './golden-keys.js'
import type { Implementation, ScriptRelease } from './implementations.js'
import { START_US } from './limits.js'
import { expectations, readVectors, type StepResult, type Story, VECTOR_FILES } from './vectors.js'

/** Scripts give keys at least this life when the time is given to them: `lua/README.md`. */
const INJECTED_LIFE_MIN_MS = 3_600_000
const SHARDS = 128
const SUBJECT = 'alice'
/** The tag of this subject's shard: `test/vectors/keys.json`. */
const SHARD_TAG = '5b'

/** A golden story, under a policy that no other story counts for. */
interface Tale {
  readonly story: Story
  readonly algorithm: Plan['algorithm']
  readonly policy: string
}

const TALES: readonly Tale[] = VECTOR_FILES.flatMap(file => {
  const { algorithm, stories } = readVectors(file)
  return stories.map((story, i) => ({ story, algorithm, policy: `${file}-${i}` }))
})

/** Those of this number of shards, and of no prefix: here they get one. */
const KEYS_UNDER_PREFIX = GOLDEN_KEYS.filter(
  ({ prefix, shards }) => prefix === undefined && shards === SHARDS,
)
const underPrefix = (key: string, prefix: string): string => `${prefix}:${key}`

/** Stories told at once, each on a key of its own. */
const AT_ONCE = 16

export interface ParityCase {
  readonly server: { readonly image: string; readonly url: string }
  readonly release: ScriptRelease
  readonly implementation: Implementation
}

/**
 * Tells every golden story to a server by the scripts of a release, and compares replies, keys, their bytes and their
 * ends with what the stories say; then looks whether every subject of the golden keys is counted under its key.
 *
 * @returns a line for each difference
 */
export async function findDifferences(
  { server, release, implementation }: ParityCase,
  prefix: string,
): Promise<string[]> {
  const decider = await implementation.open(server.url, release, { prefix, shards: SHARDS })
  const observer = new Redis(server.url)
  const where = `${server.image}, scripts ${release.name}, ${implementation.name}`
  const differences: string[] = []
  try {
    const left = [...TALES]
    const tellAll = async () => {
      for (let tale = left.shift(); tale !== undefined; tale = left.shift()) {
        differences.push(...(await tell(tale, decider, observer, prefix)))
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, tellAll))
    const counted = KEYS_UNDER_PREFIX.map(golden => count(golden, decider, observer, prefix))
    differences.push(...(await Promise.all(counted)).flat())
    differences.push(...(await unknownKeys(observer, prefix)))
  } finally {
    await decider.close()
    await observer.quit()
  }
  return differences.map(difference => `${where}: ${difference}`)
}

const keyOf = ({ policy, algorithm }: Tale, prefix: string): string =>
  `${prefix}:sl1:{${SHARD_TAG}}:${policy}:${algorithm}:${SUBJECT}`

async function tell(tale: Tale, decider: Decider, observer: Redis, prefix: string): Promise<string[]> {
  const { story, policy } = tale
  const key = keyOf(tale, prefix)
  const differences: string[] = []
  let before = await look(observer, tale, key)
  for (const [i, expected] of expectations(story).entries()) {
    const { compiled: plan, op, n, at, lease, nowUs } = story.steps[i] as Story['steps'][number]
    const limit = { policy, keyName: policy, slot: TALES.indexOf(tale), plan, limit: 1, windowMs: 1 }
    const check: Check = {
      limit,
      plan,
      subject: SUBJECT,
      op: Op[op],
      n,
      at,
      ...(lease && { leaseId: lease }),
    }
    const place = `${tale.algorithm}, '${story.name}', step ${i + 1} (${expected.why})`
    const outcome = await answerOf(decider, check, nowUs)
    if (outcome instanceof Error) return [`${place}: ${outcome}`]
    const after = await look(observer, tale, key)
    for (const field of ['status', 'granted', 'remaining', 'waitUs', 'resetUs'] as const) {
      if (outcome[field] !== expected[field]) {
        differences.push(`${place}: ${field} is ${outcome[field]}, and should be ${expected[field]}`)
      }
    }
    for (const problem of compareKey(before, after, expected)) {
      differences.push(`${place}: key ${key} ${problem}`)
    }
    before = after
    // What follows would only be its consequences.
    if (differences.length > 0) break
  }
  return differences
}

/** An error is a difference, too. */
function answerOf(decider: Decider, check: Check, nowUs: number): Promise<CheckOutcome | Error> {
  return decider.decide([check], nowUs).then(
    ({ checks }) => checks[0] as CheckOutcome,
    (error: Error) => error,
  )
}

/** What a key is seen to hold, in one look. */
interface Look {
  readonly serverMs: number
  /** Hex; empty when it is absent. */
  readonly state: string
  /** By the server's clock; -1 never, -2 it is absent. */
  readonly endMs: number
}

async function look(observer: Redis, { algorithm }: Tale, key: string): Promise<Look> {
  const asking = observer.multi().time().pexpiretime(key)
  const results = await (algorithm === 'concurrency'
    ? asking.zrangeBuffer(key, '0', '-1', 'WITHSCORES')
    : asking.getBuffer(key)
  ).exec()
  const [time, endMs, value] = (results ?? []).map(([error, result]) => {
    if (error !== null) throw error
    return result
  }) as [[number, number], number, Buffer | Buffer[] | null]
  const bytes = Array.isArray(value) ? Buffer.from(value.join(' ')) : (value ?? Buffer.alloc(0))
  return {
    serverMs: Number(time[0]) * 1000 + Math.floor(Number(time[1]) / 1000),
    state: bytes.toString('hex'),
    endMs,
  }
}

function* compareKey(before: Look, after: Look, { state, lifeMs }: StepResult): Generator<string> {
  if (after.state !== state) yield `holds ${shown(after.state)}, and should hold ${shown(state)}`
  if (after.endMs === -1) yield 'has no end'
  if (lifeMs < 0) {
    const endMs = state === '' ? -2 : before.endMs
    if (after.endMs !== endMs) yield `ends at ${after.endMs}, and its end should have stayed at ${endMs}`
    return
  }
  // The server counts a life from its own millisecond, which was between the two looks.
  const life = Math.max(lifeMs, INJECTED_LIFE_MIN_MS)
  if (after.endMs < before.serverMs + life || after.endMs > after.serverMs + life) {
    yield `ends at ${after.endMs}, and should end ${life} ms after its step, ` +
      `which was from ${before.serverMs} to ${after.serverMs}`
  }
}

const shown = (hex: string): string => (hex === '' ? 'nothing' : `0x${hex}`)

/** Counts one unit of a subject, and looks for it under the subject's key. */
async function count(
  { story, limit, identity, key }: GoldenKey,
  decider: Decider,
  observer: Redis,
  prefix: string,
): Promise<string[]> {
  const { plan } = limit
  const lease = plan.algorithm === 'concurrency' && { leaseId: 'lease' }
  const check: Check = { limit, plan, subject: identity, op: Op.consume, n: 1, at: 0, ...lease }
  const place = `golden key, '${story}'`
  const outcome = await answerOf(decider, check, START_US)
  if (outcome instanceof Error) return [`${place}: ${outcome}`]
  const { status } = outcome
  if (status !== Status.allowed) return [`${place}: status is ${status}, and should be ${Status.allowed}`]
  const found = await observer.exists(underPrefix(key, prefix))
  return found === 1 ? [] : [`${place}: key ${underPrefix(key, prefix)} is not there`]
}

async function unknownKeys(observer: Redis, prefix: string): Promise<string[]> {
  const known = new Set([
    ...TALES.map(tale => keyOf(tale, prefix)),
    ...KEYS_UNDER_PREFIX.map(({ key }) => underPrefix(key, prefix)),
    metaKeyOf(prefix),
  ])
  const found = await observer.keys(`${prefix}:*`)
  return found.filter(key => !known.has(key)).map(key => `key ${key} is none of those that should be there`)
}
