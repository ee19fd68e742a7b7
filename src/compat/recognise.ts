import { parseKey } from '../keys.js'

/** Whose key it is, as its name and type tell. */
export interface Recognised {
  /** `sluice`, `mcp-gateway`, `rate-limiter-flexible`, `rate-limit-redis`, `fastify-rate-limit`, `bullmq`. */
  readonly system: string
  /** The policy, or what the system calls the thing it counts. */
  readonly name: string
  /** Undefined for keys that count nothing. */
  readonly algorithm: string | undefined
  /** What the system writes before its keys, with its separator. */
  readonly prefix: string
  /** The type is one that the system writes. */
  readonly isOfItsType: boolean
  /** The system means it to have an end. */
  readonly ends: boolean
}

interface Dialect {
  readonly system: string
  readonly key: RegExp
  /** Algorithm by the type of the key. */
  readonly algorithms: Readonly<Record<string, string>>
  name(match: RegExpExecArray): string
}

/**
 * Keys of other limiters as their defaults make them, the more special shapes first: the prefix of one may begin keys of
 * another. A system that was given another prefix is known by its shape alone, or not at all.
 */
const DIALECTS: readonly Dialect[] = [
  {
    system: 'mcp-gateway',
    key: /^(?<prefix>[^:]+:)(?:[^:]+:)?(?<dimension>user|tenant|tool):.+:(?<windowS>1|60|3600)$/,
    algorithms: { string: 'fixed_window', zset: 'sliding_window', hash: 'token_bucket' },
    name: ({ groups }) => `${groups?.dimension} per ${groups?.windowS} s`,
  },
  {
    system: 'rate-limiter-flexible',
    key: /^(?<prefix>rlflx:).+$/,
    algorithms: { string: 'fixed_window' },
    name: () => 'points',
  },
  {
    system: 'rate-limit-redis',
    key: /^(?<prefix>rl:).+$/,
    algorithms: { string: 'fixed_window' },
    name: () => 'hits',
  },
  {
    system: 'fastify-rate-limit',
    key: /^(?<prefix>fastify-rate-limit-).+$/,
    algorithms: { string: 'fixed_window' },
    name: () => 'hits',
  },
  {
    system: 'bullmq',
    key: /^(?<prefix>[^:]+:)(?<queue>[^:]+):limiter$/,
    algorithms: { string: 'fixed_window' },
    name: ({ groups }) => `queue ${groups?.queue}`,
  },
]

const META = /^(?<prefix>[A-Za-z0-9_.:/@-]*:)?sl1:meta$/

/**
 * @param type as `TYPE` says it
 * @returns undefined where it is nobody's that Sluice knows
 */
export function recognise(key: string, type: string): Recognised | undefined {
  return recogniseOwn(key, type) ?? recogniseOther(key, type)
}

function recogniseOwn(key: string, type: string): Recognised | undefined {
  const meta = META.exec(key)
  if (meta !== null) {
    const prefix = meta.groups?.prefix ?? ''
    return {
      system: 'sluice',
      name: 'meta',
      algorithm: undefined,
      prefix,
      isOfItsType: type === 'string',
      ends: false,
    }
  }
  const parsed = parseKey(key)
  if (parsed === undefined) return undefined
  const { policy, limitIndex, algorithm, prefix } = parsed
  const name = typeof policy === 'string' ? policy : `(SHA-256 ${policy.sha256.slice(0, 8)}…)`
  return {
    system: 'sluice',
    name: limitIndex === 0 ? name : `${name}, limit ${limitIndex + 1}`,
    algorithm,
    prefix,
    isOfItsType: type === (algorithm === 'concurrency' ? 'zset' : 'string'),
    ends: true,
  }
}

function recogniseOther(key: string, type: string): Recognised | undefined {
  for (const { system, key: shape, algorithms, name } of DIALECTS) {
    const match = shape.exec(key)
    if (match === null) continue
    return {
      system,
      name: name(match),
      algorithm: algorithms[type],
      prefix: match.groups?.prefix ?? '',
      isOfItsType: type in algorithms,
      ends: true,
    }
  }
  return undefined
}
