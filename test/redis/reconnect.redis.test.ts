import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, test } from 'vitest'
import { monotonicMs } from '../../src/core/time.js'
import { createLimiter } from '../../src/limiter.js'
import { STORE_KINDS } from '../support/clients.js'

const ATTEMPTS = 6
/** The shortest wait before an attempt: half of 50 ms, and twice as long before each next one. */
const shortestWaitMs = (attempt: number): number => 25 * 2 ** (attempt - 1)
/** Clocks of timers are read in whole ms. */
const ROUNDING_MS = 2

test.each(STORE_KINDS)(
  'a server that is away is looked for by one attempt at a time, later each time, whatever is asked: by $name',
  async ({ store }) => {
    const attemptsMs: number[] = []
    const refusing = createServer(socket => {
      attemptsMs.push(monotonicMs())
      socket.destroy()
    }).listen(0, '127.0.0.1')
    await once(refusing, 'listening')
    const { port } = refusing.address() as AddressInfo
    const limiter = createLimiter({ store: store({ port }), policies: { api: '1000/s' } })
    limiter.on('storeDown', () => {})

    let asked = 0
    while (attemptsMs.length < ATTEMPTS) {
      asked += 100
      await Promise.all(Array.from({ length: 100 }, (_, i) => limiter.check('api', `user-${i}`)))
      await new Promise(resolve => setTimeout(resolve, 5))
    }
    await limiter.close()
    refusing.close()

    expect(asked).toBeGreaterThan(ATTEMPTS)
    for (const [i, atMs] of attemptsMs.slice(1).entries()) {
      const waitedMs = atMs - (attemptsMs[i] as number)
      expect(waitedMs).toBeGreaterThanOrEqual(shortestWaitMs(i + 1) - ROUNDING_MS)
    }
  },
)
