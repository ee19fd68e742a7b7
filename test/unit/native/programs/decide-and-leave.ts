/** Asks the native engine, and ends the process while calls are under way. */
import { NativeMemoryEngine } from '../../../../src/engine/native-memory-engine.js'
import { nativeBinding } from '../../../support/native.js'
import { checkOf, perYear } from '../../engine/limits.js'

const engine = new NativeMemoryEngine(nativeBinding())
let answered = 0
const ask = async (): Promise<void> => {
  await engine.decide([checkOf(perYear, 'ada')])
  answered++
  if (answered === 1000) process.exit(7)
  await ask()
}
for (let caller = 0; caller < 300; caller++) void ask()
