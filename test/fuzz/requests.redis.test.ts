import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { decodeReply } from '../support/decide-block.js'
import { ObservedDecide, readTranscript } from '../support/observed-decide.js'
import { LEASE_IDS } from './draws.js'
import { Random } from './random.js'
import { type Batch, randomSession, SESSION_KEYS } from './session.js'

const SEED = Number(process.env.SLUICE_FUZZ_SEED ?? Date.now() % 2 ** 31)
/** Of the steps of the whole fuzz, these are checks of requests. */
const CHECKS = Number(process.env.SLUICE_FUZZ_STEPS ?? 1_000_000) / 4
const CHECKS_OF_SESSION = 600

describe('the engine in memory and Lua agree on requests', () => {
  let decide: ObservedDecide
  beforeAll(async () => {
    decide = await ObservedDecide.connect(inject('redisUrl'))
  })
  afterAll(() => decide.close())

  test(`over ${CHECKS} random checks from SLUICE_FUZZ_SEED=${SEED}`, async () => {
    console.log(`SLUICE_FUZZ_SEED=${SEED} SLUICE_FUZZ_STEPS=${CHECKS * 4}`)
    const random = new Random(SEED)
    for (let checks = 0, name = 0; checks < CHECKS; checks += CHECKS_OF_SESSION, name++) {
      const { batches, keysEnd } = randomSession(random, CHECKS_OF_SESSION)
      const keys = Array.from({ length: SESSION_KEYS }, (_, i) => `requests:${name}:${i}`)
      const runs = batches.map(({ run }) => run)
      const results = readTranscript(await decide.run(keys, LEASE_IDS, runs, { keysEnd }), runs)
      for (const [i, batch] of batches.entries()) {
        const reply = results[i]?.reply as Buffer
        if (!reply.equals(batch.expected))
          expect(describeBatch(batch, reply)).toEqual(describeBatch(batch, batch.expected))
      }
    }
  })
})

/** A reply with its requests, for people. */
function describeBatch({ requests }: Batch, reply: Buffer): unknown {
  const outcomes = decodeReply(reply)
  return requests.map(request =>
    request.map(({ key, plan, op, n, at, leaseId }) => ({
      key,
      op,
      n,
      at,
      leaseId,
      plan,
      outcome: outcomes.shift(),
    })),
  )
}
