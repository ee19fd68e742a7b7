/** Asks Redis natively, and ends the process while calls are under way. */
import { openEngine } from '../../../src/engine/open-engine.js'
import { consume, hourly } from '../../support/checks.js'

const engine = openEngine({ store: process.argv[2] ?? '', native: 'require' })
const limit = hourly(1_000_000)
let answered = 0
const ask = async (): Promise<void> => {
  await engine.decide([consume(limit, 'ada')])
  answered++
  if (answered === 1000) process.exit(7)
  await ask()
}
for (let caller = 0; caller < 300; caller++) void ask()
