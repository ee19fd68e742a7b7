import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { PLAN_ROW_LENGTH } from '../../src/core/plan.js'
import { ObservedDecide, type Run } from '../support/observed-decide.js'
import { LEASE_IDS } from './draws.js'
import { Random } from './random.js'
import { randomSession, SESSION_KEYS, type Session, sessionRuns } from './session.js'
import { announce, SEED, STEPS, TIME_LIMIT } from './settings.js'

const FROZEN = new URL('../../lua/releases/1.0.0/dist/decide.lua', import.meta.url)
const CHECKS = STEPS / 4
const CHECKS_OF_SESSION = 600

/** Places in the head of a block: how many plans and checks, and how many columns follow them. */
const PLANS = 2
const COLUMNS = 4
const HEADER_LENGTH = 5
/** What a client should never send, and integers that mean something else where they stand. */
const ODD_NUMBERS = [0, -1, 0.5, 1.5, 2, 3, 7, 8, 9, 10, 11, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY]

/**
 * A batch as some client might send it: with fewer columns, and numbers that nobody should send.
 *
 * @param mixed whether an algorithm may meet what another has left in a key
 */
function distort(random: Random, { keys, block }: Run, mixed: boolean): Run {
  const numbers = new Float64Array(new Uint8Array(block).buffer)
  const begin = HEADER_LENGTH + PLAN_ROW_LENGTH * (numbers[PLANS] as number)
  const columns = random.chance(0.3) ? random.between(2, 4) : (numbers[COLUMNS] as number)
  numbers[COLUMNS] = columns
  const kept = numbers.subarray(0, begin + columns * keys.length)
  const first = begin + (mixed ? 0 : keys.length)
  if (random.chance(0.3)) kept[random.between(first, kept.length - 1)] = random.pick(ODD_NUMBERS)
  return {
    keys: keys.map(key => (mixed && random.chance(0.02) ? random.between(1, SESSION_KEYS) : key)),
    block: Buffer.from(kept.buffer, kept.byteOffset, kept.byteLength),
  }
}

const holdsLeases = ({ batches }: Session): boolean =>
  batches.some(({ requests }) => requests.flat().some(({ plan }) => plan.algorithm === 'concurrency'))

describe('batches as no client should send them', () => {
  let current: ObservedDecide
  let frozen: ObservedDecide
  beforeAll(async () => {
    current = await ObservedDecide.connect(inject('redisUrl'))
    frozen = await ObservedDecide.connect(inject('redisUrl'), FROZEN)
  })
  afterAll(async () => {
    await current.close()
    await frozen.close()
  })

  const keysOf = (name: number) => Array.from({ length: SESSION_KEYS }, (_, i) => `distorted:${name}:${i}`)

  /**
   * In replies, states or expiries. 1.0.0 fails as a whole where gcra meets a value of another algorithm twice in a request, or under
   * a block, and takes a set of leases for an absent key.
   */
  async function differ(name: number, runs: readonly Run[], keysEnd: boolean): Promise<boolean> {
    const own = await current.run(keysOf(name), LEASE_IDS, runs, { keysEnd })
    const theirs = await frozen.run(keysOf(name), LEASE_IDS, runs, { keysEnd }).catch(() => undefined)
    return theirs !== undefined && !own.equals(theirs)
  }

  test(
    `are answered and stored as by 1.0.0, byte by byte: ${CHECKS} random checks from SLUICE_FUZZ_SEED=${SEED}`,
    TIME_LIMIT,
    async () => {
      announce()
      const random = new Random(SEED)
      for (let checks = 0, name = 0; checks < CHECKS; checks += CHECKS_OF_SESSION, name++) {
        const session = randomSession(random, CHECKS_OF_SESSION)
        const mixed = !holdsLeases(session)
        const runs = sessionRuns(session).map(run => distort(random, run, mixed))
        if (!(await differ(name, runs, session.keysEnd))) continue
        let count = 1
        while (!(await differ(name, runs.slice(0, count), session.keysEnd))) count++
        const { keys, block } = runs[count - 1] as Run
        const last = { keys, block: [...new Float64Array(new Uint8Array(block).buffer)] }
        expect.fail(`run ${count} of session ${name} differs: ${JSON.stringify(last)}`)
      }
    },
  )

  test(
    `never fail as a whole, whatever the keys hold: ${CHECKS} random checks from SLUICE_FUZZ_SEED=${SEED}`,
    TIME_LIMIT,
    async () => {
      announce()
      const random = new Random(SEED)
      for (let checks = 0, name = 0; checks < CHECKS; checks += CHECKS_OF_SESSION, name++) {
        const { keysEnd, ...session } = randomSession(random, CHECKS_OF_SESSION)
        const runs = sessionRuns({ keysEnd, ...session }).map(run => distort(random, run, true))
        const answered = current.run(keysOf(name), LEASE_IDS, runs, { keysEnd })
        await expect(answered, `session ${name}`).resolves.toBeInstanceOf(Buffer)
      }
    },
  )
})
