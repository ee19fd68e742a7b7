/** Takes the next probe of a circuit, and never says how it went: a process to be killed. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createBreaker } from '../../../src/breaker/index.js'

const [store = ''] = process.argv.slice(2)
const breaker = createBreaker({ store, name: 'up', probeTimeout: '1s', deadline: '5s', timeout: '200ms' })

for (;;) {
  const permit = await breaker.permit('api')
  if (permit.allowed) break
  await sleep(permit.retryAfterMs)
}
process.send?.('probing')
setInterval(() => {}, 1_000)
