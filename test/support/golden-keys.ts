import { z } from 'zod'
import { ALGORITHMS, type Algorithm, type Plan } from '../../src/core/plan.js'
import { limitKeyName } from '../../src/key-part.js'
import { compilePlan, type Limit } from '../../src/policy.js'
import { identify } from '../../src/subject.js'
import vectors from '../vectors/keys.json' with { type: 'json' }
import { START_US } from './limits.js'

const Parts = z.array(z.string()).readonly()

const KeyVector = z.strictObject({
  story: z.string(),
  prefix: z.string().optional(),
  shards: z.number(),
  policy: z.string(),
  /** Which limit of the policy. */
  index: z.number(),
  algorithm: z.enum(ALGORITHMS),
  by: Parts.optional(),
  group: Parts.optional(),
  subject: z.union([z.string(), z.record(z.string(), z.string())]),
  key: z.string(),
  slot: z.number(),
})

export interface GoldenKey {
  readonly story: string
  readonly prefix: string | undefined
  readonly shards: number
  readonly limit: Limit
  /** The subject, as `identify` gives it. */
  readonly identity: string
  /** Byte for byte. */
  readonly key: string
  /** In Redis Cluster. */
  readonly slot: number
}

const LIMIT = 100
const WINDOW_US = 1_000_000

function planOf(algorithm: Algorithm): Plan {
  switch (algorithm) {
    case 'quota':
      return compilePlan({ algorithm, limit: LIMIT, period: 'day' }, { nowUs: START_US })
    case 'concurrency':
      return compilePlan({ algorithm, limit: LIMIT })
    default:
      return compilePlan({ algorithm, limit: LIMIT, windowUs: WINDOW_US })
  }
}

/** The keys of `test/vectors/keys.json`. Units are plenty: several stories may be about one key. */
export const GOLDEN_KEYS: readonly GoldenKey[] = vectors.cases.map((vector, i) => {
  const { story, prefix, shards, policy, index, algorithm, by, group, subject, key, slot } =
    KeyVector.parse(vector)
  const limit = { policy, keyName: limitKeyName(policy, index), slot: i, plan: planOf(algorithm) }
  return {
    story,
    prefix,
    shards,
    limit: { ...limit, limit: LIMIT, windowMs: WINDOW_US / 1000 },
    identity: identify({ name: policy, by, group }, subject),
    key,
    slot,
  }
})
