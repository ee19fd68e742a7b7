import { describe, expect, test } from 'vitest'
import { stepCircuit } from '../../../src/core/circuit.js'
import { createCircuitStep } from '../../../src/core/circuit-plan.js'
import {
  type CircuitState,
  circuitNumbers,
  circuitOf,
  freshCircuit,
} from '../../../src/core/circuit-state.js'
import { readCircuitVectors } from '../../support/circuit-vectors.js'

describe('circuits in TypeScript', () => {
  test.each(readCircuitVectors())('$name', ({ steps }) => {
    let stored: readonly number[] | undefined
    for (const { nowUs, plan, request, random, expect: expected, state } of steps) {
      const circuit = stored === undefined ? freshCircuit() : (circuitOf(stored) as CircuitState)
      const step = createCircuitStep()
      stepCircuit(step, circuit, plan, request, random, nowUs)
      const { write, ...result } = step
      expect(result).toEqual(expected)
      if (write) stored = circuitNumbers(circuit)
      expect(write ? stored : undefined).toEqual(state)
    }
  })
})
