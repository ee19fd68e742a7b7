/** Counts in a file without end, and tells after each snapshot how many units it holds. Killed by its test. */
import { Op } from '../../../../src/core/step.js'
import { FileEngine } from '../../../../src/engine/file-engine.js'
import { checkOf, perYear } from '../limits.js'

const engine = new FileEngine({ path: process.argv[2] as string, intervalMs: 1 })
let counted = 0
for (;;) {
  for (let i = 0; i < 50; i++) {
    engine.decideSync([
      checkOf(perYear, `subject ${counted % 500}`),
      checkOf(perYear, 'all', { op: Op.debit }),
    ])
    counted++
  }
  await engine.save()
  console.log(counted)
}
