/** A thread with a native engine of its own, which it asks until it is told to end. */
import { parentPort } from 'node:worker_threads'
import { NativeMemoryEngine } from '../../../../src/engine/native-memory-engine.js'
import { nativeBinding } from '../../../support/native.js'
import { checkOf, perYear } from '../../engine/limits.js'

const engine = new NativeMemoryEngine(nativeBinding())
let isAsked = true
parentPort?.once('message', () => {
  isAsked = false
})
const remaining: (number | undefined)[] = []
do {
  const outcomes = await Promise.all(
    Array.from({ length: 500 }, () => engine.decide([checkOf(perYear, 'ada')])),
  )
  remaining.push(outcomes.at(-1)?.checks[0]?.remaining)
  if (remaining.length === 1) parentPort?.postMessage(remaining[0])
  await new Promise(setImmediate)
} while (isAsked)
