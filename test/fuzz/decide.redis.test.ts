import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { ObservedDecide } from '../support/observed-decide.js'
import { LEASE_IDS } from './draws.js'
import { randomFamily } from './families.js'
import { Random } from './random.js'
import regressions from './regressions.json' with { type: 'json' }
import { RustTwin } from './rust-twin.js'
import { announce, SEED, STEPS, TIME_LIMIT } from './settings.js'
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

describe('TypeScript, Lua and Rust agree bit for bit: outcomes, bytes of state, expiries', () => {
  let lua: ObservedDecide
  let rust: RustTwin | undefined
  beforeAll(async () => {
    lua = await ObservedDecide.connect(inject('redisUrl'))
    rust = await RustTwin.start('tracks')
  })
  afterAll(async () => {
    await lua.close()
    await rust?.close()
  })

  /** Where another language did something else than TypeScript. */
  async function differenceOf(name: string, track: Track, expected: ExpectedTranscript) {
    const runs = runsOf(track)
    const [byLua, byRust] = await Promise.all([lua.run([`fuzz:${name}`], LEASE_IDS, runs), rust?.run(runs)])
    return (
      difference('Lua', track, expected, byLua) ?? (byRust && difference('Rust', track, expected, byRust))
    )
  }

  test.each(regressions.tracks as unknown as { name: string; track: Track }[])(
    '$name',
    async ({ name, track }) => {
      expect(await differenceOf(name, track, expectedOf(track))).toBeUndefined()
    },
  )

  test(`over ${STEPS} random steps from SLUICE_FUZZ_SEED=${SEED}`, TIME_LIMIT, async () => {
    announce()
    const random = new Random(SEED)
    const underWay: Promise<void>[] = []
    let failure: string | undefined
    for (let steps = 0, name = 0; steps < STEPS && failure === undefined; steps += STEPS_OF_TRACK, name++) {
      const { track, expected } = randomTrack(random, randomFamily(random), STEPS_OF_TRACK)
      const compared = differenceOf(String(name), track, expected).then(difference => {
        failure ??= difference
      })
      underWay.push(compared)
      if (underWay.length > UNDER_WAY) await underWay.shift()
    }
    await Promise.all(underWay)
    expect(failure).toBeUndefined()
  })
})

/** The first step that differs, with the track up to there as `regressions.json` takes it. */
function difference(
  language: string,
  track: Track,
  expected: ExpectedTranscript,
  transcript: Buffer,
): string | undefined {
  if (transcript.equals(expected.bytes)) return undefined
  const same = expected.bytes.findIndex((byte, i) => byte !== transcript[i])
  const step = expected.offsets.findLastIndex(offset => offset <= (same < 0 ? transcript.length : same))
  const offset = expected.offsets[step] as number
  return [
    `step ${step} differs`,
    `TypeScript: ${describeStep(expected.bytes, offset)}`,
    `${language.padEnd(10)}: ${describeStep(transcript, offset)}`,
    JSON.stringify({ name: '', track: { ...track, steps: track.steps.slice(0, step + 1) } }),
  ].join('\n')
}
