/** `closed`: calls go through. `open`: none does. `halfOpen`: a few probes do. The numbers are the wire's. */
export const Phase = { closed: 0, open: 1, halfOpen: 2 } as const

export type Phase = (typeof Phase)[keyof typeof Phase]

/** What an operator has ordered, whatever the calls say. The numbers are the wire's. */
export const Forced = { no: 0, open: 1, closed: 2 } as const

export type Forced = (typeof Forced)[keyof typeof Forced]

/** The rolling window has so many slots; the oldest is forgotten as a whole. */
export const SLOTS = 10

/** Those who hold a circuit open at once, at most. */
export const ISOLATIONS_MAX = 16

/**
 * One circuit, as stores keep it. Twin of the state in `lua/breaker.lua`. Times are us since the Unix epoch; a list of
 * tickets is flat: ticket and end by turns.
 */
export interface CircuitState {
  /** When it is as good as absent. */
  endUs: number
  phase: Phase
  /** Grows with every change that calls under way must not be counted after; 0: none was. */
  generation: number
  /** Openings since it was last closed. */
  attempt: number
  /** Open: when a probe is due. */
  untilUs: number
  /** Half-open: probes that succeeded. */
  successes: number
  /** The ticket given out last. */
  serial: number
  forced: Forced
  forcedUntilUs: number
  /** Who holds it open. */
  isolations: number[]
  /** Half-open: probes under way. */
  probes: number[]
  /** The newest slot that was counted in: its number since the Unix epoch. */
  slot: number
  /** Failures, then successes, of each slot, at its number mod `SLOTS`. */
  counts: number[]
}

export const freshCircuit = (): CircuitState => ({
  endUs: 0,
  phase: Phase.closed,
  generation: 0,
  attempt: 0,
  untilUs: 0,
  successes: 0,
  serial: 0,
  forced: Forced.no,
  forcedUntilUs: 0,
  isolations: [],
  probes: [],
  slot: 0,
  counts: Array(2 * SLOTS).fill(0),
})

const STATE_VERSION = 1
const COUNTS = 13
const HEADER = COUNTS + 2 * SLOTS

/** The numbers that a store keeps. */
export const circuitNumbers = (state: CircuitState): readonly number[] => [
  STATE_VERSION,
  state.endUs,
  state.phase,
  state.generation,
  state.attempt,
  state.untilUs,
  state.successes,
  state.serial,
  state.forced,
  state.forcedUntilUs,
  state.isolations.length / 2,
  state.probes.length / 2,
  state.slot,
  ...state.counts,
  ...state.isolations,
  ...state.probes,
]

/** Undefined where the numbers are no circuit of this version. */
export function circuitOf(numbers: readonly number[]): CircuitState | undefined {
  if (numbers[0] !== STATE_VERSION || numbers.length < HEADER) return undefined
  if (!numbers.every(number => Number.isSafeInteger(number) && number >= 0)) return undefined
  const [, endUs, phase, generation, attempt, untilUs, successes, serial, forced, forcedUntilUs] =
    numbers as readonly [number, number, Phase, number, number, number, number, number, Forced, number]
  const [isolated, probing, slot] = numbers.slice(10, COUNTS) as [number, number, number]
  if (phase > Phase.halfOpen || forced > Forced.closed) return undefined
  if (numbers.length !== HEADER + 2 * isolated + 2 * probing) return undefined
  const probes = HEADER + 2 * isolated
  return {
    ...{ endUs, phase, generation, attempt, untilUs, successes, serial, forced, forcedUntilUs, slot },
    counts: numbers.slice(COUNTS, HEADER),
    isolations: numbers.slice(HEADER, probes),
    probes: numbers.slice(probes),
  }
}
