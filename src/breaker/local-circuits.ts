import { stepCircuit } from '../core/circuit.js'
import { CircuitOp, type CircuitRequest, CircuitStatus, createCircuitStep } from '../core/circuit-plan.js'
import { Forced, freshCircuit, Phase } from '../core/circuit-state.js'
import type { Admission, Circuit } from './circuit.js'
import type { CallOutcome } from './circuit-outcome.js'
import type { CircuitResult } from './circuit-wire.js'
import type { CircuitSource, Circuits, CircuitsContext } from './circuits.js'

const ASKED = { generation: 0, a: 0, b: 0, ticket: 0 }
const ACQUIRE: CircuitRequest = { ...ASKED, op: CircuitOp.acquire }

/** Circuits that this process decides by itself. */
export class LocalCircuits implements Circuits {
  readonly #context: CircuitsContext
  readonly #nowUs: () => number
  readonly #step = createCircuitStep()

  readonly #source: CircuitSource

  /** @param nowUs us since the Unix epoch */
  constructor(context: CircuitsContext, source: CircuitSource, nowUs: () => number) {
    this.#context = context
    this.#source = source
    this.#nowUs = nowUs
  }

  admit(circuit: Circuit): Admission {
    // Nothing changes a closed circuit but what is reported, and time changes nothing about that.
    if (circuit.phase === Phase.closed && circuit.forced === Forced.no) return circuit.pass
    const { status, phase, forced, generation, ticket, waitUs } = this.#apply(circuit, ACQUIRE)
    if (status === CircuitStatus.refused) return { allowed: false, phase, forced, generation, ticket, waitUs }
    return ticket === 0 ? circuit.pass : { allowed: true, phase, forced, generation, ticket, waitUs: 0 }
  }

  report(circuit: Circuit, { generation, ticket }: Admission, outcome: CallOutcome): void {
    if (ticket === 0 && outcome === 'ignore') return
    if (generation !== circuit.generation) {
      circuit.counts.staleReports++
      return
    }
    // Successes matter to a share of failures alone, and to a least number of calls.
    if (ticket === 0 && outcome === 'success' && !this.#context.countsSuccesses()) return
    const a = outcome === 'failure' ? 1 : 0
    const b = outcome === 'success' ? 1 : 0
    const { status } = this.#apply(circuit, { op: CircuitOp.report, generation, a, b, ticket })
    if (status === CircuitStatus.stale) circuit.counts.staleReports++
  }

  async order(circuit: Circuit, request: CircuitRequest): Promise<CircuitResult> {
    return { ...this.#apply(circuit, request) }
  }

  async share(change: (settings: string | undefined) => string): Promise<void> {
    this.#context.onSettings(change(undefined))
  }

  refresh(): void {}

  async flush(): Promise<void> {}

  async ready(): Promise<void> {}

  async close(): Promise<void> {}

  #apply(circuit: Circuit, request: CircuitRequest): CircuitResult {
    const { plan, random, onTransition, onWrite } = this.#context
    circuit.state ??= freshCircuit()
    const step = this.#step
    stepCircuit(step, circuit.state, plan(), request, random(), this.#nowUs())
    circuit.show(step.phase, step.forced, step.generation, step.attempt)
    if (step.write) {
      // The table bounds what is kept here, so nothing has to end: what is open stays so until a probe tells.
      circuit.state.endUs = Number.MAX_SAFE_INTEGER
      onWrite()
    }
    if (step.was !== -1) onTransition(circuit, step.was, step, this.#source)
    return step
  }
}
