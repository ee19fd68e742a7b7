import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { Op } from '../../src/core/step.js'
import { decodeReply, encodeBlock, FIRST_LEASE_PLACE } from '../support/decide-block.js'
import { ObservedDecide, readTranscript } from '../support/observed-decide.js'
import { expectations, readVectors, VECTOR_FILES } from '../support/vectors.js'

let decide: ObservedDecide
beforeAll(async () => {
  decide = await ObservedDecide.connect(inject('redisUrl'))
})
afterAll(() => decide.close())

describe.each(VECTOR_FILES)('%s in Lua', name => {
  const { stories } = readVectors(name)

  test.each(stories)('$name', async story => {
    const leases = [...new Set(story.steps.flatMap(({ lease }) => lease ?? []))]
    const runs = story.steps.map(({ compiled: plan, op, n, at, lease, nowUs }) => {
      const place = lease === undefined ? at : FIRST_LEASE_PLACE + leases.indexOf(lease)
      return { keys: [1], block: encodeBlock(nowUs, [[{ plan, op: Op[op], n, at: place }]]) }
    })
    const transcript = await decide.run([`vectors:${name}`], leases, runs)
    const results = readTranscript(transcript, runs).map(({ reply, keys: [key] }, i) => ({
      why: story.steps[i]?.why,
      ...decodeReply(reply)[0],
      state: key?.state.toString('hex'),
      lifeMs: key?.lifeMs,
    }))
    expect(results).toEqual(expectations(story))
  })
})
