import { Forced, Phase } from '../core/circuit-state.js'
import { addCounts, Circuit, noCounts } from './circuit.js'

/** Circuits looked at to find one to forget. */
const LOOKED_AT_MAX = 64

/**
 * The circuits that this process knows, at most so many. Full, it forgets one that is closed and was not asked for
 * lately; one that is open goes last, so that nobody gets rid of it by inventing others.
 */
export class CircuitTable {
  /** What was counted of circuits that are forgotten. */
  readonly forgotten = noCounts()
  readonly #circuits = new Map<string, Circuit>()
  readonly #circuitsMax: number

  constructor(circuitsMax: number) {
    this.#circuitsMax = circuitsMax
  }

  get all(): Iterable<Circuit> {
    return this.#circuits.values()
  }

  /** @param nameOf for people, asked once */
  circuit(identity: string, nameOf: () => string): Circuit {
    const known = this.#circuits.get(identity)
    if (known !== undefined) {
      known.touched = true
      return known
    }
    if (this.#circuits.size >= this.#circuitsMax) this.#forgetOne()
    const circuit = new Circuit(identity, nameOf())
    this.#circuits.set(identity, circuit)
    return circuit
  }

  #forgetOne(): void {
    let looked = 0
    for (const [identity, circuit] of this.#circuits) {
      if (++looked > LOOKED_AT_MAX) break
      const isWanted = circuit.touched || circuit.phase !== Phase.closed || circuit.forced !== Forced.no
      if (!isWanted) {
        this.#forget(circuit)
        return
      }
      // To the end of the line: others are looked at before it again.
      circuit.touched = false
      this.#circuits.delete(identity)
      this.#circuits.set(identity, circuit)
    }
    let victim: Circuit | undefined
    looked = 0
    for (const circuit of this.#circuits.values()) {
      victim ??= circuit
      if (circuit.phase === Phase.closed) victim = circuit
      if (victim.phase === Phase.closed || ++looked === LOOKED_AT_MAX) break
    }
    if (victim !== undefined) this.#forget(victim)
  }

  #forget(circuit: Circuit): void {
    this.#circuits.delete(circuit.identity)
    addCounts(this.forgotten, circuit.counts)
  }
}
