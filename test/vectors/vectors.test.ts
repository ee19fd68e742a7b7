import { describe, expect, test } from 'vitest'
import { Op } from '../../src/core/step.js'
import { compilePlan } from '../../src/policy.js'
import { KeyModel } from '../support/key-model.js'
import { expectations, readVectors, VECTOR_FILES } from '../support/vectors.js'

describe.each(VECTOR_FILES)('%s in TypeScript', name => {
  const { algorithm, plans, stories } = readVectors(name)

  test.each(stories)('$name', story => {
    const key = new KeyModel(algorithm)
    const results = story.steps.map(({ why, compiled, op, n, at, lease, nowUs }) => {
      const { status, granted, remaining, waitUs, resetUs } = key.decide(
        compiled,
        Op[op],
        n,
        at,
        lease,
        nowUs,
      )
      const state = key.stateBytes().toString('hex')
      return { why, status, granted, remaining, waitUs, resetUs, state, lifeMs: key.lifeMs }
    })
    expect(results).toEqual(expectations(story))
  })

  test.each(plans)('the plan of $name is compiled from its limit', ({ config, nowUs, plan }) => {
    expect(compilePlan(config, { nowUs })).toEqual(plan)
  })
})
