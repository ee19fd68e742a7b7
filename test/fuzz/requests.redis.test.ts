import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { decodeReply } from '../support/decide-block.js'
import { ObservedDecide, readTranscript } from '../support/observed-decide.js'
import { LEASE_IDS } from './draws.js'
import { Random } from './random.js'
import regressions from './regressions.json' with { type: 'json' }
import { randomSession, SESSION_KEYS, type Session, sessionReplies, sessionRuns } from './session.js'
import { announce, SEED, STEPS } from './settings.js'

/** Beside the steps on single keys. */
const CHECKS = STEPS / 4
const CHECKS_OF_SESSION = 600

describe('the engine in memory and Lua agree on requests', () => {
  let decide: ObservedDecide
  beforeAll(async () => {
    decide = await ObservedDecide.connect(inject('redisUrl'))
  })
  afterAll(() => decide.close())

  async function expectAgreement(name: string, session: Session): Promise<void> {
    const keys = Array.from({ length: SESSION_KEYS }, (_, i) => `requests:${name}:${i}`)
    const runs = sessionRuns(session)
    const { keysEnd } = session
    const results = readTranscript(await decide.run(keys, LEASE_IDS, runs, { keysEnd }), runs)
    for (const [i, expected] of sessionReplies(session).entries()) {
      const reply = results[i]?.reply as Buffer
      if (reply.equals(expected)) continue
      const kept = JSON.stringify({
        name: '',
        session: { keysEnd, batches: session.batches.slice(0, i + 1) },
      })
      expect(decodeReply(reply), kept).toEqual(decodeReply(expected))
    }
  }

  test.each(regressions.sessions as unknown as { name: string; session: Session }[])(
    '$name',
    async ({ name, session }) => {
      await expectAgreement(name, session)
    },
  )

  test(`over ${CHECKS} random checks from SLUICE_FUZZ_SEED=${SEED}`, async () => {
    announce()
    const random = new Random(SEED)
    for (let checks = 0, name = 0; checks < CHECKS; checks += CHECKS_OF_SESSION, name++) {
      await expectAgreement(String(name), randomSession(random, CHECKS_OF_SESSION))
    }
  })
})
