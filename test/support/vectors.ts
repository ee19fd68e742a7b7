import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { ALGORITHMS, type Plan } from '../../src/core/plan.js'
import { Op, Status } from '../../src/core/step.js'
import type { LimitConfig } from '../../src/policy.js'

const FOLDER = new URL('../vectors/', import.meta.url)

/** The stories in `test/vectors/`: a file for each algorithm. */
export const VECTOR_FILES = ALGORITHMS.map(algorithm => algorithm.replace('_', '-'))

const keysOf = <T extends object>(values: T) =>
  Object.keys(values) as [keyof T & string, ...(keyof T & string)[]]

/** The numbers of a packed state, or the text of another. */
const State = z.union([z.string(), z.array(z.number())])

const Outcome = z.strictObject({
  status: z.enum(keysOf(Status)),
  granted: z.number().default(0),
  remaining: z.number().default(0),
  waitUs: z.number().default(0),
  resetUs: z.number().default(0),
})

const VectorStep = z.strictObject({
  nowUs: z.number(),
  /** Name of the plan, from this step on. */
  plan: z.string().optional(),
  op: z.enum(keysOf(Op)),
  n: z.number(),
  at: z.number().default(0),
  /** `concurrency`: the lease id. */
  lease: z.string().optional(),
  /** An error has nothing but a status. */
  expect: Outcome,
  /** What the key holds after the step; without it, the step writes nothing. */
  state: State.optional(),
  /** The life in ms that the step gives the key; without it, the end of the key stays where it was. */
  ttlMs: z.number().optional(),
  why: z.string(),
})

const VectorFile = z.strictObject({
  algorithm: z.enum(ALGORITHMS),
  about: z.string(),
  /** Plans as engines take them, with the limit they are compiled from. `nowUs` is given where the calendar matters. */
  plans: z.record(
    z.string(),
    z.strictObject({ config: z.looseObject({}), nowUs: z.number().optional(), plan: z.looseObject({}) }),
  ),
  stories: z.array(z.strictObject({ name: z.string(), steps: z.array(VectorStep) })),
})

export interface Story {
  readonly name: string
  readonly steps: readonly (z.infer<typeof VectorStep> & { readonly compiled: Plan })[]
}

export interface Vectors {
  readonly algorithm: Plan['algorithm']
  readonly plans: readonly { name: string; config: LimitConfig; nowUs: number | undefined; plan: Plan }[]
  readonly stories: readonly Story[]
}

/** Reads `test/vectors/<name>.json`. Every number in it was worked out by hand. */
export function readVectors(name: string): Vectors {
  const file = VectorFile.parse(JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), 'utf8')))
  const plans = Object.entries(file.plans).map(([planName, { config, nowUs, plan }]) => ({
    name: planName,
    config: config as unknown as LimitConfig,
    nowUs,
    plan: plan as unknown as Plan,
  }))
  const stories = file.stories.map(story => {
    let compiled: Plan | undefined
    const steps = story.steps.map(step => {
      if (step.plan !== undefined) compiled = plans.find(plan => plan.name === step.plan)?.plan
      if (compiled === undefined) throw new Error(`${name}.json, ${story.name}: no plan named ${step.plan}`)
      return { ...step, compiled }
    })
    return { name: story.name, steps }
  })
  return { algorithm: file.algorithm, plans, stories }
}

/** A state of a story as the bytes of a key. */
const bytesOf = (state: string | readonly number[]): Buffer =>
  typeof state === 'string' ? Buffer.from(state) : Buffer.from(new Float64Array(state).buffer)

/** What a story says after each of its steps, in one form for whatever is compared with it. */
export function expectations(story: Story): StepResult[] {
  let state = ''
  return story.steps.map(({ why, op, expect, state: written, ttlMs }) => {
    if (written !== undefined) state = bytesOf(written).toString('hex')
    return {
      why,
      ...expect,
      status: Status[expect.status],
      state,
      lifeMs: ttlMs ?? (written === undefined || op === 'reset' ? -2 : -1),
    }
  })
}

export interface StepResult {
  readonly why: string
  readonly status: number
  readonly granted: number
  readonly remaining: number
  readonly waitUs: number
  readonly resetUs: number
  /** Hex. */
  readonly state: string
  /** -1: it was written, and the end of the key stays; -2: it was not written. */
  readonly lifeMs: number
}
