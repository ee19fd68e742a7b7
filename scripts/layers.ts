/** Programs outside `src/` that use the package as its users do, by its public name, and files of one another. */
export const publicUsers: readonly string[] = [
  'cluster/gateway/',
  'cluster/loadtest/check-service.ts',
  'cluster/loadtest/recording-engine.ts',
  'cluster/loadtest/entries.ts',
]

/**
 * Which part of `src/` may import which: data goes down once and up once, and no part calls back into a higher one.
 * `scripts/check-imports.ts` enforces this table; the order and the reasons are in ARCHITECTURE.md.
 */
export interface Layer {
  name: string
  /** Files and folders below `src/`; a folder ends with `/`. The first layer that has the file is the file's. */
  paths: readonly string[]
  /** Layers it may import, besides itself. */
  imports: readonly string[]
}

const foundation = ['core', 'errors']
const vocabulary = [...foundation, 'vocabulary']
const belowLimiter = [...vocabulary, 'engine-interface', 'redis', 'engine']
const belowUses = [...belowLimiter, 'limiter']

export const layers: readonly Layer[] = [
  { name: 'core', paths: ['core/'], imports: [] },
  { name: 'errors', paths: ['errors.ts', 'errors/'], imports: ['core'] },
  {
    name: 'vocabulary',
    paths: [
      ...[
        'policy.ts',
        'policy/',
        'keys.ts',
        'keys/',
        'key-part.ts',
        'subject.ts',
        'scope.ts',
        'shard-tags.ts',
      ],
      ...['decision.ts', 'decision/', 'events.ts', 'events/'],
    ],
    imports: foundation,
  },
  // What an engine is, without any engine: the Redis side speaks the same types.
  { name: 'engine-interface', paths: ['engine/engine.ts'], imports: vocabulary },
  // The module of Rust: finding it, and the memory that checks cross in.
  { name: 'native', paths: ['native/'], imports: ['core'] },
  { name: 'redis', paths: ['redis/'], imports: [...vocabulary, 'engine-interface'] },
  { name: 'engine', paths: ['engine/'], imports: [...vocabulary, 'engine-interface', 'redis', 'native'] },
  {
    name: 'limiter',
    paths: ['limiter.ts', 'limiter/', 'lease.ts', 'explain.ts', 'explain/'],
    imports: belowLimiter,
  },
  // What HTTP says of clients and limits: everything that stands before a gateway or a service tells it alike.
  { name: 'http', paths: ['middleware/address/', 'middleware/headers/'], imports: belowUses },
  { name: 'inbound', paths: ['inbound/'], imports: [...belowUses, 'http'] },
  { name: 'middleware', paths: ['middleware/'], imports: [...belowUses, 'http', 'inbound'] },
  // The other uses of a limiter stand beside each other and do not know one another.
  ...['testing', 'replay', 'breaker', 'outbound', 'metrics', 'bullmq', 'compat'].map(name => ({
    name,
    paths: [`${name}/`],
    imports: belowUses,
  })),
  { name: 'cli', paths: ['cli/'], imports: [...belowUses, 'replay', 'compat'] },
  { name: 'index', paths: ['index.ts'], imports: belowUses },
]
