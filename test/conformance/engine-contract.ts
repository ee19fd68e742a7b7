import { afterAll, beforeAll, describe } from 'vitest'
import { describeChecks } from './check-contract.js'
import { EngineHarness, type MakeEngine } from './engine-harness.js'
import { describeQueuesAndLeases } from './held-contract.js'
import { describeRequests } from './request-contract.js'

/**
 * What every engine does, whatever it is made of: told once, run on each. Numbers are exact, because the clock is ours.
 */
export function describeEngine(name: string, makeEngine: MakeEngine): void {
  describe(`${name} keeps the contract of engines`, () => {
    const engine = new EngineHarness()
    beforeAll(() => engine.open(makeEngine))
    afterAll(() => engine.close())

    describeChecks(engine)
    describeRequests(engine)
    describeQueuesAndLeases(engine)
  })
}
