import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { ObservedDecide } from '../support/observed-decide.js'
import { LEASE_IDS } from './draws.js'
import { randomFamily } from './families.js'
import { Random } from './random.js'
import regressions from './regressions.json' with { type: 'json' }
import { announce, SEED, STEPS } from './settings.js'
import {
  describeStep,
  type ExpectedTranscript,
  expectedOf,
  randomTrack,
  runsOf,
  type Track,
} from './track.js'

const STEPS_OF_TRACK = 250
/** Tracks on their way to the server while the next ones are drawn. */
const UNDER_WAY = 4

describe('TypeScript and Lua agree bit for bit: outcomes, bytes of state, expiries', () => {
  let decide: ObservedDecide
  beforeAll(async () => {
    decide = await ObservedDecide.connect(inject('redisUrl'))
  })
  afterAll(() => decide.close())

  const transcriptOf = (name: string, track: Track) => decide.run([`fuzz:${name}`], LEASE_IDS, runsOf(track))

  test.each(regressions.tracks as unknown as { name: string; track: Track }[])(
    '$name',
    async ({ name, track }) => {
      expect(difference(track, expectedOf(track), await transcriptOf(name, track))).toBeUndefined()
    },
  )

  test(`over ${STEPS} random steps from SLUICE_FUZZ_SEED=${SEED}`, async () => {
    announce()
    const random = new Random(SEED)
    const underWay: Promise<void>[] = []
    let failure: string | undefined
    for (let steps = 0, name = 0; steps < STEPS && failure === undefined; steps += STEPS_OF_TRACK, name++) {
      const { track, expected } = randomTrack(random, randomFamily(random), STEPS_OF_TRACK)
      const compared = transcriptOf(String(name), track).then(transcript => {
        failure ??= difference(track, expected, transcript)
      })
      underWay.push(compared)
      if (underWay.length > UNDER_WAY) await underWay.shift()
    }
    await Promise.all(underWay)
    expect(failure).toBeUndefined()
  })
})

/** Where Lua did something else than TypeScript, with the track up to there as `regressions.json` takes it. */
function difference(track: Track, expected: ExpectedTranscript, transcript: Buffer): string | undefined {
  if (transcript.equals(expected.bytes)) return undefined
  const same = expected.bytes.findIndex((byte, i) => byte !== transcript[i])
  const step = expected.offsets.findLastIndex(offset => offset <= (same < 0 ? transcript.length : same))
  const offset = expected.offsets[step] as number
  return [
    `step ${step} differs`,
    `TypeScript: ${describeStep(expected.bytes, offset)}`,
    `Lua:        ${describeStep(transcript, offset)}`,
    JSON.stringify({ name: '', track: { ...track, steps: track.steps.slice(0, step + 1) } }),
  ].join('\n')
}
