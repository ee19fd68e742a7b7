/**
 * What the keys and states of a release are, by example: `lua/golden.json`, out of the vectors that were written by hand
 * and that the tests run on real servers. `sluice compat check` compares the examples of two releases.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { z } from 'zod'

/** Stories of each algorithm: enough to meet every form of its state. */
const STORIES_EACH = 3

const KeyVectors = z.object({ cases: z.array(z.looseObject({ story: z.string(), key: z.string() })) })
const StateVectors = z.object({
  algorithm: z.string(),
  plans: z.record(z.string(), z.object({ plan: z.record(z.string(), z.unknown()) })),
  stories: z.array(
    z.object({ name: z.string(), steps: z.array(z.looseObject({ plan: z.string().optional() })) }),
  ),
})

/** @param folder of the vectors, with a `/` at its end */
export function buildGolden(folder: URL): string {
  const read = (file: string): unknown => JSON.parse(readFileSync(new URL(file, folder), 'utf8'))
  const keys = KeyVectors.parse(read('keys.json')).cases
  const states = readdirSync(folder)
    .filter(file => file.endsWith('.json') && file !== 'keys.json')
    .sort()
    .flatMap(file => storiesOf(StateVectors.parse(read(file))))
  const lines = (values: readonly object[]): string =>
    values.map(value => `    ${JSON.stringify(value)}`).join(',\n')
  return `{\n  "keys": [\n${lines(keys)}\n  ],\n  "states": [\n${lines(states)}\n  ]\n}\n`
}

/** One example a step: what the calls up to it leave in the key. */
function storiesOf({ algorithm, plans, stories }: z.infer<typeof StateVectors>): readonly object[] {
  return stories.slice(0, STORIES_EACH).map(({ name, steps }) => {
    let planName = ''
    return {
      algorithm,
      story: name,
      steps: steps.map(({ nowUs, plan = planName, op, n, at, lease, state }) => {
        const changed = plan !== planName
        planName = plan
        return { nowUs, ...(changed && { plan: plans[plan]?.plan }), op, n, at, lease, state }
      }),
    }
  })
}
