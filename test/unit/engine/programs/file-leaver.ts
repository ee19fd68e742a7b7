/** Counts in a file, saves that, counts once more, and ends without closing. */
import { FileEngine } from '../../../../src/engine/file-engine.js'
import { checkOf, perYear } from '../limits.js'

const engine = new FileEngine({ path: process.argv[2] as string, intervalMs: 1_000_000_000 })
engine.decideSync([checkOf(perYear, 'ada')])
await engine.save()
engine.decideSync([checkOf(perYear, 'ada')])
