import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { Op } from '../../src/core/step.js'
import { loadScripts } from '../../src/redis/scripts.js'
import { decodeReply, encodeBlock } from '../support/decide-block.js'
import { expectations, readVectors, VECTOR_FILES } from '../support/vectors.js'

const LIBRARY = readFileSync(new URL('../../lua/dist/functions.lua', import.meta.url), 'utf8')
const DECIDE = loadScripts('functions').decide.asFunction?.name as string
/** `ARGV[1]` is the block. */
const FIRST_LEASE_PLACE = 2

let redis: Redis
beforeAll(async () => {
  redis = new Redis(inject('redisUrl'))
  await redis.call('FUNCTION', 'LOAD', 'REPLACE', LIBRARY)
})
afterAll(() => redis.quit())

describe.each(VECTOR_FILES)('%s as a function', name => {
  const { algorithm, stories } = readVectors(name)

  test.each(stories)('$name', async story => {
    const key = `functions:${name}`
    const leases = [...new Set(story.steps.flatMap(({ lease }) => lease ?? []))]
    await redis.del(key)
    const results = []
    for (const { why, compiled: plan, op, n, at, lease, nowUs } of story.steps) {
      const place = lease === undefined ? at : FIRST_LEASE_PLACE + leases.indexOf(lease)
      const block = encodeBlock(nowUs, [[{ plan, op: Op[op], n, at: place }]])
      const reply = (await redis.callBuffer('FCALL', [DECIDE, 1, key, block, ...leases])) as Buffer
      // Of leases the answers tell: a story has no text for a sorted set.
      const state =
        algorithm === 'concurrency' ? undefined : ((await redis.getBuffer(key))?.toString('hex') ?? '')
      results.push({ why, ...decodeReply(reply)[0], state })
    }
    const told = expectations(story).map(({ lifeMs: _, state, ...rest }) => ({
      ...rest,
      state: algorithm === 'concurrency' ? undefined : state,
    }))
    expect(results).toEqual(told)
  })
})
