import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { CircuitOp, type CircuitRequest, CircuitStatus } from '../../src/core/circuit-plan.js'
import { Forced, Phase } from '../../src/core/circuit-state.js'

const PHASES = { closed: Phase.closed, open: Phase.open, 'half-open': Phase.halfOpen } as const

const oneOf = <T extends Readonly<Record<string, number>>>(numbers: T) =>
  z.enum(Object.keys(numbers) as [keyof T & string]).transform(name => numbers[name] as T[keyof T])

const Step = z
  .strictObject({
    nowUs: z.int(),
    /** From this step on. */
    plan: z.string().optional(),
    op: oneOf(CircuitOp),
    generation: z.int().default(0),
    a: z.int().default(0),
    b: z.int().default(0),
    ticket: z.int().default(0),
    random: z.number().default(0),
    expect: z.strictObject({
      status: oneOf(CircuitStatus),
      phase: oneOf(PHASES),
      forced: oneOf(Forced),
      generation: z.int(),
      waitUs: z.int(),
      ticket: z.int(),
      was: oneOf(PHASES)
        .nullable()
        .transform(was => was ?? -1),
      attempt: z.int(),
    }),
    /** What the step stores; without it, it writes nothing. */
    state: z.array(z.number()).optional(),
  })
  .transform(({ op, generation, a, b, ticket, ...step }) => {
    const request: CircuitRequest = { op, generation, a, b, ticket }
    return { ...step, request }
  })

const Plan = z.strictObject({
  failuresMax: z.int(),
  ratePpm: z.int(),
  volumeMin: z.int(),
  slotUs: z.int(),
  successesMin: z.int(),
  openUs: z.int(),
  factor: z.number(),
  openMaxUs: z.int(),
  jitter: z.number(),
  probesMax: z.int(),
  leaseUs: z.int(),
})

const Vectors = z.object({
  plans: z.record(z.string(), Plan),
  stories: z.array(z.object({ name: z.string(), steps: z.array(Step) })),
})

/** The stories of circuits that were written by hand, each step with its plan. */
export function readCircuitVectors() {
  const file = new URL('../vectors/breaker/circuit.json', import.meta.url)
  const { plans, stories } = Vectors.parse(JSON.parse(readFileSync(file, 'utf8')))
  return stories.map(({ name, steps }) => {
    let current = ''
    return {
      name,
      steps: steps.map(({ plan, ...step }) => {
        current = plan ?? current
        const known = plans[current]
        if (known === undefined) throw new Error(`${name}: there is no plan '${current}'`)
        return { ...step, plan: known }
      }),
    }
  })
}
