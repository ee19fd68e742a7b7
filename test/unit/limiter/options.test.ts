import { describe, expect, it } from 'vitest'
import { MemoryEngine } from '../../../src/engine/memory-engine.js'
import { PolicyError } from '../../../src/errors.js'
import { createLimiter } from '../../../src/limiter.js'

/** What a caller without types may pass. */
const create = createLimiter as (options?: unknown) => unknown

const messageOf = (options?: unknown): string => {
  try {
    create(options)
  } catch (error) {
    expect(error).toBeInstanceOf(PolicyError)
    return (error as PolicyError).message
  }
  throw new Error('the options were accepted')
}

const policies = { perUser: '100/m' }

describe('options of createLimiter', () => {
  it('are reported together with the policies, each with its name and what is accepted', () => {
    const broken = {
      store: 'memroy',
      polices: {},
      policies: { perUser: '0/m' },
      shards: 3,
      prefix: 'a{b}',
      maxKeys: 0,
      clock: Date,
      deadline: 100,
      onStoreFailure: 'opne',
      replicas: 0,
      denyCache: { maxage: '1s', maxKeys: 0 },
    }
    expect(messageOf(broken)).toBe(
      [
        '11 problems:',
        "  store: 'memroy' is no store; write 'memory', 'file:PATH', 'redis://host:6379', 'redis+cluster://…' or 'redis+sentinel://…', or give options, a client of ioredis, iovalkey or node-redis, a store with 'get', 'set' and 'delete', or an engine; did you mean 'memory'?",
        "  prefix: 'a{b}' cannot stand before keys; use up to 128 letters, digits and _ - . : / @ (braces would choose the slot in a cluster)",
        '  shards: 3 is not a power of two from 1 to 1024; leave it out for 32',
        '  maxKeys: 0 is not a whole number from 1 to 16777216',
        "  clock: a function is not a clock, an object with a method 'nowUs'",
        "  deadline: 100 is a number without a unit; write it as text with one, such as '100s' or '100ms'",
        "  onStoreFailure: 'opne' is unknown; accepted are local, open, closed; did you mean 'open'?",
        '  replicas: 0 is not a whole number of at least 1',
        "  denyCache: maxKeys: 0 is not a whole number of at least 1; 'maxage' is not an option of it; options are maxAge, maxKeys; did you mean 'maxAge'?",
        "  polices: is not an option of createLimiter; options are policies, store, prefix, shards, maxKeys, native, clock, deadline, onStoreFailure, replicas, denyCache, waiting, logger, logSubjects, trackUsage; did you mean 'policies'?",
        "  policies.perUser: '0/m' would admit nothing; a limit is a whole number of at least 1",
      ].join('\n'),
    )
  })

  it.each([
    [undefined, 'the options are no object'],
    ['100/m', 'the options are no object'],
    [{}, 'policies: undefined is not an object of policies'],
    [{ policies: {} }, 'names no policy'],
    [{ policies, store: null }, 'store: null is no store'],
    [{ policies, store: 6379 }, 'store: 6379 is no store'],
    [{ policies, store: 'http://host' }, "store: 'http://host' is no store"],
    [{ policies, store: 'redi://host' }, "did you mean 'redis://'?"],
    [{ policies, store: {} }, 'store: says none of url, cluster, sentinel, client, and one is needed'],
    [{ policies, store: { clutser: 'h' } }, "'clutser' is not an option of a store on Redis"],
    [{ policies, store: { clutser: 'h' } }, "did you mean 'cluster'?"],
    [{ policies, store: 'redis://user:secret@/0' }, "store: 'redis://…@/0' names no host"],
    [{ policies, store: 'file:' }, "store: 'file:' is no store"],
    [{ policies, store: { file: '' } }, "store: file: '' is not the path of a file"],
    [{ policies, store: { file: 'f', interval: 5 } }, 'interval: 5 is a number without a unit'],
    [
      { policies, store: { file: 'f', interval: '30d' } },
      "interval: '30d' is longer than a timer can wait; write at most '24d'",
    ],
    [
      { policies, store: { file: 'f', intervall: '5s' } },
      "options are file, interval; did you mean 'interval'?",
    ],
    [{ policies, shards: '64' }, "shards: '64' is not a power of two"],
    [{ policies, prefix: 5 }, 'prefix: 5 cannot stand before keys'],
    [{ policies, maxKeys: 1.5 }, 'maxKeys: 1.5 is not a whole number'],
    [
      { policies, maxKeys: 2 ** 24 + 1, shards: 3 },
      'maxKeys: 16777217 is not a whole number from 1 to 16777216',
    ],
  ])('refuse %j', (options, message) => {
    expect(messageOf(options)).toContain(message)
  })

  it('are told once that there are no policies', () => {
    expect(messageOf({})).toBe(
      "policies: undefined is not an object of policies by name, such as { perUser: '100/m' }",
    )
  })

  it('take an engine of the user', async () => {
    const engine = new MemoryEngine()
    const limiter = createLimiter({ store: engine, policies })
    expect(limiter.checkSync('perUser', 'ada').source).toBe('memory')
    await limiter.close()
    await expect(engine.ready()).rejects.toThrow('closed')
  })
})
