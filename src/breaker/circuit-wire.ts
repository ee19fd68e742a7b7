import type { CircuitPlan, CircuitRequest, CircuitStep } from '../core/circuit-plan.js'
import { ProtocolError } from '../errors.js'

const WIRE_VERSION = 1
const HEAD = 4
const PLAN = 11
const REQUEST = 5
const REPLY_HEAD = 3
const STEP = 8

/** Steps that one call of the script takes. */
export const STEPS_MAX = 256

/** How one step went, without what only a store needs to know. */
export type CircuitResult = Readonly<Omit<CircuitStep, 'write'>>

export interface CircuitReply {
  /** The store's clock, us since the Unix epoch. */
  readonly nowUs: number
  /** In the order of the requests. */
  readonly results: readonly CircuitResult[]
}

/**
 * The block of `lua/breaker.lua`.
 *
 * @param nowUs 0: the server's own clock
 * @param random 0 to 1
 */
export function circuitBlock(
  plan: CircuitPlan,
  requests: readonly CircuitRequest[],
  nowUs: number,
  random: number,
): Uint8Array {
  const block = new Float64Array(HEAD + PLAN + REQUEST * requests.length)
  block.set([WIRE_VERSION, nowUs, random, requests.length])
  const { failuresMax, ratePpm, volumeMin, slotUs, successesMin } = plan
  const { openUs, factor, openMaxUs, jitter, probesMax, leaseUs } = plan
  block.set([failuresMax, ratePpm, volumeMin, slotUs, successesMin, openUs], HEAD)
  block.set([factor, openMaxUs, jitter, probesMax, leaseUs], HEAD + 6)
  let at = HEAD + PLAN
  for (const { op, generation, a, b, ticket } of requests) {
    block.set([op, generation, a, b, ticket], at)
    at += REQUEST
  }
  return new Uint8Array(block.buffer)
}

/** @throws ProtocolError when it is no answer of the script to so many steps */
export function readCircuitReply(reply: unknown, steps: number): CircuitReply {
  const length = REPLY_HEAD + STEP * steps
  if (!(reply instanceof Uint8Array) || reply.byteLength !== 8 * length) throw notOne(steps)
  // Bytes of a socket may begin anywhere; doubles may not.
  const numbers = new Float64Array(new Uint8Array(reply).buffer)
  const [version, nowUs = 0, count] = numbers
  if (version !== WIRE_VERSION || count !== steps) throw notOne(steps)
  const results = Array.from({ length: steps }, (_, i) => resultAt(numbers, REPLY_HEAD + STEP * i))
  return { nowUs, results }
}

function resultAt(numbers: Float64Array, at: number): CircuitResult {
  const [status, phase, forced, generation, waitUs, ticket, was, attempt] = numbers.subarray(at, at + STEP)
  return { status, phase, forced, generation, waitUs, ticket, was, attempt } as CircuitResult
}

const notOne = (steps: number): ProtocolError =>
  new ProtocolError(`the reply of Redis to 'breaker' is no answer to ${steps} steps`)
