import { describe, expect, it, vi } from 'vitest'
import { Decision } from '../../../src/decision.js'
import { MemoryEngine } from '../../../src/engine/memory-engine.js'
import { AtOnce } from '../../../src/limiter/at-once.js'
import type { SyncLimiter } from '../../../src/limiter/types.js'
import { createLimiter } from '../../../src/limiter.js'

const POLICIES = { perUser: '2/m', perTenant: '1/m' } as const
const BOTH = [
  { policy: 'perUser', subject: 'ada' },
  { policy: 'perTenant', subject: 'acme' },
] as const

/** A store that has to be asked over a connection. */
function remoteLimiter() {
  const memory = new MemoryEngine()
  const store = {
    source: 'remote',
    decide: memory.decide.bind(memory),
    ready: async () => {},
    close: async () => {},
  }
  return createLimiter({ store, policies: POLICIES }) as SyncLimiter
}

describe('what is asked at once', () => {
  it('is answered without a promise where the store is in this process', () => {
    const atOnce = new AtOnce(createLimiter({ policies: POLICIES }))
    expect(atOnce.checkAll(BOTH)).toBeInstanceOf(Decision)
    expect(atOnce.check('perUser', 'ada', { cost: 2 })).toMatchObject({ allowed: false, remaining: 1 })
  })

  it('throws what the limiter throws', () => {
    const atOnce = new AtOnce(createLimiter({ policies: POLICIES }))
    expect(() => atOnce.check('perUser', 'ada', { cost: 0 })).toThrow('whole number')
    expect(() => atOnce.checkAll([])).toThrow('the list of checks is empty')
  })

  it('is answered later by a store over a connection, which is asked without a promise only once', async () => {
    const limiter = remoteLimiter()
    const [checkSync, checkAllSync] = [vi.spyOn(limiter, 'checkSync'), vi.spyOn(limiter, 'checkAllSync')]
    const atOnce = new AtOnce(limiter)
    expect(await atOnce.check('perUser', 'ada')).toMatchObject({ source: 'remote', remaining: 1 })
    expect(await atOnce.checkAll(BOTH)).toMatchObject({ allowed: true })
    expect([checkSync.mock.calls.length, checkAllSync.mock.calls.length]).toEqual([1, 0])
    // Nothing of the attempt is told as a failure.
    expect(limiter.metrics()).toMatchObject({ totalRequests: 2, failedRequests: 0 })
    await limiter.close()
  })

  it('rejects with the reason of a signal that has aborted, and charges nothing', async () => {
    const limiter = createLimiter({ policies: POLICIES })
    const atOnce = new AtOnce(limiter)
    const signal = AbortSignal.abort(new Error('gone'))
    await expect(atOnce.check('perUser', 'ada', { signal })).rejects.toThrow('gone')
    await expect(atOnce.checkAll(BOTH, signal)).rejects.toThrow('gone')
    expect(await limiter.peek('perUser', 'ada')).toMatchObject({ remaining: 2 })
  })
})
