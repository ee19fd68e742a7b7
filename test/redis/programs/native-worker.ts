/** A thread with a native engine of its own, which asks Redis until it is told to end, and closes nothing. */
import { parentPort, workerData } from 'node:worker_threads'
import { openEngine } from '../../../src/engine/open-engine.js'
import { consume, hourly } from '../../support/checks.js'

const engine = openEngine({ store: String(workerData), native: 'require' })
const limit = hourly(1_000_000)
let isAsked = true
parentPort?.once('message', () => {
  isAsked = false
})
let rounds = 0
do {
  await Promise.all(Array.from({ length: 500 }, () => engine.decide([consume(limit, 'ada')])))
  rounds++
  if (rounds === 1) parentPort?.postMessage('asked')
} while (isAsked)
