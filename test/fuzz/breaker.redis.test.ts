import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { circuitBlock, readCircuitReply } from '../../src/breaker/circuit-wire.js'
import { stepCircuit } from '../../src/core/circuit.js'
import {
  CircuitOp,
  type CircuitPlan,
  type CircuitRequest,
  createCircuitStep,
} from '../../src/core/circuit-plan.js'
import { type CircuitState, circuitNumbers, circuitOf, freshCircuit } from '../../src/core/circuit-state.js'
import { loadScript } from '../../src/redis/scripts.js'
import { Random } from './random.js'
import { announce, SEED, STEPS } from './settings.js'

const script = loadScript('breaker')
const BATCHES_OF_TRACK = 60
/** A step of a circuit takes more than one of an algorithm, and a batch has several. */
const BATCHES = STEPS / 50

let redis: Redis
beforeAll(async () => {
  redis = new Redis(inject('redisUrl'))
  await redis.script('LOAD', script.source)
})
afterAll(() => redis.quit())

interface Batch {
  readonly nowUs: number
  readonly random: number
  readonly plan: CircuitPlan
  /** Circuit and what is asked of it. */
  readonly steps: readonly (readonly [number, CircuitRequest])[]
}

const CIRCUITS = 3

function randomPlan(random: Random): CircuitPlan {
  const openUs = random.sized(1, 100_000_000)
  return {
    failuresMax: random.chance(0.7) ? random.between(1, 4) : 0,
    ratePpm: random.chance(0.5) ? random.between(1, 1_000_000) : 0,
    volumeMin: random.between(1, 5),
    slotUs: random.sized(1, 10_000_000),
    successesMin: random.between(1, 4),
    openUs,
    factor: random.pick([1, 1.5, 2, 3.7]),
    openMaxUs: openUs * random.between(1, 20),
    jitter: random.pick([0, 0, 0.1, 1]),
    probesMax: random.between(1, 4),
    leaseUs: random.sized(1, 100_000_000),
  }
}

interface Drawn {
  readonly batch: Batch
  readonly expected: readonly object[]
  /** By circuit, after the batch. */
  readonly stored: readonly (readonly number[] | undefined)[]
}

/** Circuits in this process, and what was told of them: what a request says is mostly true. */
class Track {
  /** What the last write of each circuit has stored: each step begins with that, as it does on a server. */
  readonly #stored: (readonly number[] | undefined)[] = Array.from({ length: CIRCUITS })
  readonly #known = Array.from({ length: CIRCUITS }, () => ({ generation: 0, tickets: [0], waitUs: 0 }))
  readonly #random: Random
  #plan: CircuitPlan
  #nowUs = 1_790_000_000_000_000

  constructor(random: Random) {
    this.#random = random
    this.#plan = randomPlan(random)
  }

  draw(): Drawn {
    const random = this.#random
    if (random.chance(0.03)) this.#plan = { ...randomPlan(random), slotUs: this.#plan.slotUs }
    if (random.chance(0.01)) this.#plan = randomPlan(random)
    this.#nowUs += this.#elapse()
    const plan = this.#plan
    const chance = random.unit()
    const steps: (readonly [number, CircuitRequest])[] = []
    const expected = Array.from({ length: random.sized(1, 8) }, () => {
      const circuit = random.below(CIRCUITS)
      const request = this.#request(circuit)
      steps.push([circuit, request])
      const step = createCircuitStep()
      const stored = this.#stored[circuit]
      const state = stored === undefined ? freshCircuit() : (circuitOf(stored) as CircuitState)
      stepCircuit(step, state, plan, request, chance, this.#nowUs)
      if (step.write) this.#stored[circuit] = circuitNumbers(state)
      const known = this.#known[circuit]
      if (known !== undefined) {
        if (step.ticket > 0) known.tickets.push(step.ticket)
        if (random.chance(0.8)) known.generation = step.generation
        known.waitUs = step.waitUs
      }
      const { write, ...result } = step
      return result
    })
    return {
      batch: { nowUs: this.#nowUs, random: chance, plan, steps },
      expected,
      stored: [...this.#stored],
    }
  }

  #elapse(): number {
    const random = this.#random
    const { waitUs } = random.pick(this.#known)
    if (random.chance(0.3)) return 0
    if (random.chance(0.4)) return Math.max(0, waitUs + random.between(-1, 1))
    if (random.chance(0.02)) return -random.sized(1, 1_000_000_000)
    return random.sized(1, random.pick([1_000, 10_000_000, 5_000_000_000]))
  }

  #request(circuit: number): CircuitRequest {
    const random = this.#random
    const { generation, tickets } = this.#known[circuit] as { generation: number; tickets: number[] }
    const ticket = random.chance(0.7) ? (tickets.at(-1) as number) : random.pick(tickets)
    const length = random.sized(1, 200_000_000)
    const asked = { generation: 0, a: 0, b: 0, ticket: 0 }
    const op = random.pick([
      ...[CircuitOp.look, CircuitOp.acquire, CircuitOp.acquire, CircuitOp.acquire],
      ...[CircuitOp.report, CircuitOp.report, CircuitOp.report, CircuitOp.report, CircuitOp.report],
      random.pick([CircuitOp.force, CircuitOp.isolate, CircuitOp.release, CircuitOp.reset, CircuitOp.adopt]),
    ])
    if (op === CircuitOp.report) {
      const [a, b] = random.pick([
        [1, 0],
        [0, 1],
        [2, 3],
        [0, 0],
      ] as const)
      return { op, generation, a, b, ticket: random.chance(0.5) ? 0 : ticket }
    }
    if (op === CircuitOp.force) return { ...asked, op, a: random.below(3), b: length }
    if (op === CircuitOp.isolate) return { ...asked, op, a: length }
    if (op === CircuitOp.release) return { ...asked, op, ticket }
    if (op === CircuitOp.adopt) {
      const later = generation + random.between(-1, 2)
      return {
        op,
        generation: Math.max(0, later),
        a: this.#nowUs + length,
        b: random.between(1, 64),
        ticket: 0,
      }
    }
    return { ...asked, op }
  }
}

const keyOf = (track: number, circuit: number) => `fuzz:circuit:${track}:${circuit}`

test(`TypeScript and Lua agree on circuits, replies and bytes of state, from SLUICE_FUZZ_SEED=${SEED}`, async () => {
  announce()
  const random = new Random(SEED)
  const seen = new Set<string>()
  for (let batches = 0, number = 0; batches < BATCHES; batches += BATCHES_OF_TRACK, number++) {
    const track = new Track(random)
    const drawn = Array.from({ length: BATCHES_OF_TRACK }, () => track.draw())
    const keys = Array.from({ length: CIRCUITS }, (_, circuit) => keyOf(number, circuit))
    await redis.del(keys)
    const replies = await Promise.all(drawn.map(({ batch }) => decide(number, batch)))
    for (const [i, { batch, expected, stored }] of drawn.entries()) {
      const about = `track ${number}, batch ${i}: ${JSON.stringify(batch)}`
      const [reply, states] = replies[i] as Awaited<ReturnType<typeof decide>>
      const { results } = readCircuitReply(reply, batch.steps.length)
      expect(results, about).toEqual(expected)
      for (const { status, was, phase } of results) seen.add(`status ${status}`).add(`${was} to ${phase}`)
      expect(states, about).toEqual(stored)
    }
    await redis.del(keys)
  }
  // Every way from one phase to another was gone, and every answer given.
  const ways = ['0 to 1', '1 to 0', '1 to 2', '2 to 0', '2 to 1', 'status 0', 'status 1', 'status 2']
  expect([...seen]).toEqual(expect.arrayContaining(ways))
})

/** The reply to a batch, and the circuits that are stored after it. */
async function decide(track: number, { steps, plan, nowUs, random }: Batch) {
  const requests = steps.map(([, request]) => request)
  const keys = steps.map(([circuit]) => keyOf(track, circuit))
  const block = Buffer.from(circuitBlock(plan, requests, nowUs, random))
  const all = Array.from({ length: CIRCUITS }, (_, circuit) => keyOf(track, circuit))
  const [reply, stored] = await Promise.all([
    redis.callBuffer('EVALSHA', [script.sha1, keys.length, ...keys, block]),
    redis.mgetBuffer(all),
  ])
  const numbers = stored.map(bytes => bytes && [...new Float64Array(new Uint8Array(bytes).buffer)])
  return [reply, numbers.map(state => state ?? undefined)] as const
}
