import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { decodeReply } from '../support/decide-block.js'
import { ObservedDecide, readTranscript } from '../support/observed-decide.js'
import { LEASE_IDS } from './draws.js'
import { Random } from './random.js'
import regressions from './regressions.json' with { type: 'json' }
import { RustTwin } from './rust-twin.js'
import { randomSession, SESSION_KEYS, type Session, sessionReplies, sessionRuns } from './session.js'
import { announce, SEED, STEPS, TIME_LIMIT } from './settings.js'

/** Beside the steps on single keys. */
const CHECKS = STEPS / 4
const CHECKS_OF_SESSION = 600

describe('the engines in memory, in TypeScript and in Rust, agree with Lua on requests', () => {
  let lua: ObservedDecide
  let rust: RustTwin | undefined
  beforeAll(async () => {
    lua = await ObservedDecide.connect(inject('redisUrl'))
    rust = await RustTwin.start('sessions')
  })
  afterAll(async () => {
    await lua.close()
    await rust?.close()
  })

  async function expectAgreement(name: string, session: Session): Promise<void> {
    const keys = Array.from({ length: SESSION_KEYS }, (_, i) => `requests:${name}:${i}`)
    const runs = sessionRuns(session)
    const { keysEnd } = session
    const [transcript, byRust] = await Promise.all([
      lua.run(keys, LEASE_IDS, runs, { keysEnd }),
      rust?.run(runs),
    ])
    const byLua = readTranscript(transcript, runs)
    let offset = 0
    for (const [i, expected] of sessionReplies(session).entries()) {
      const kept = { name: '', session: { keysEnd, batches: session.batches.slice(0, i + 1) } }
      expectReply('Lua', byLua[i]?.reply as Buffer, expected, kept)
      if (byRust !== undefined) {
        expectReply('Rust', byRust.subarray(offset, offset + expected.length), expected, kept)
      }
      offset += expected.length
    }
  }

  /** @param kept the session up to here, as `regressions.json` takes it */
  function expectReply(language: string, reply: Buffer, expected: Buffer, kept: unknown): void {
    if (reply.equals(expected)) return
    expect(decodeReply(reply), `${language}: ${JSON.stringify(kept)}`).toEqual(decodeReply(expected))
  }

  test.each(regressions.sessions as unknown as { name: string; session: Session }[])(
    '$name',
    async ({ name, session }) => {
      await expectAgreement(name, session)
    },
  )

  test(`over ${CHECKS} random checks from SLUICE_FUZZ_SEED=${SEED}`, TIME_LIMIT, async () => {
    announce()
    const random = new Random(SEED)
    for (let checks = 0, name = 0; checks < CHECKS; checks += CHECKS_OF_SESSION, name++) {
      await expectAgreement(String(name), randomSession(random, CHECKS_OF_SESSION))
    }
  })
})
