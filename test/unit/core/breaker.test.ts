import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Breaker } from '../../../src/core/breaker.js'

const breakerOf = () =>
  new Breaker({ failuresMax: 5, backoff: { firstMs: 100, maxMs: 1_000 }, random: () => 1 })

describe('a circuit breaker', () => {
  it('opens at the first failure when nothing was heard in the second half of the wait', () => {
    const breaker = breakerOf()
    breaker.succeeded(40)
    expect(breaker.failed(0, 100)).toBe(true)
    expect([breaker.state, breaker.retryAtMs]).toEqual(['open', 200])
  })

  it('takes a failure among answers for trouble of that call, until five come in a row', () => {
    const breaker = breakerOf()
    const failsAmongAnswers = (at: number) => {
      breaker.succeeded(at - 10)
      return breaker.failed(at - 100, at)
    }
    expect([200, 300, 400, 500, 600, 700].map(failsAmongAnswers)).not.toContain(true)

    breaker.succeeded(990)
    const inARow = [1_000, 1_000, 1_000, 1_000, 1_000].map(at => breaker.failed(at - 100, at))
    expect(inARow).toEqual([false, false, false, false, true])
  })

  it('opens at once when it is told so at once', () => {
    const breaker = breakerOf()
    breaker.succeeded(50)
    expect(breaker.failed(50, 50)).toBe(true)
  })

  it('lets one probe out at a time', () => {
    const breaker = breakerOf()
    expect(breaker.beginProbe()).toBe(false)
    breaker.failed(0, 100)
    expect([breaker.beginProbe(), breaker.state]).toEqual([true, 'half-open'])
    expect(breaker.beginProbe()).toBe(false)
  })

  it('closes when the probe is answered, and waits longer after each one that is not', () => {
    const breaker = breakerOf()
    breaker.failed(0, 100)
    const waits = [1_000, 2_000, 3_000, 4_000, 5_000].map(atMs => {
      breaker.beginProbe()
      breaker.endProbe(false, atMs)
      return breaker.retryAtMs - atMs
    })
    expect(waits).toEqual([200, 400, 800, 1_000, 1_000])
    breaker.beginProbe()
    breaker.endProbe(true, 6_000)
    expect(breaker.state).toBe('closed')
  })

  it('goes on waiting longer for a store that fails as soon as it is back, until a call succeeds', () => {
    const breaker = breakerOf()
    const failThenProbe = (atMs: number) => {
      breaker.failed(atMs, atMs)
      const waitMs = breaker.retryAtMs - atMs
      breaker.beginProbe()
      breaker.endProbe(true, atMs)
      return waitMs
    }
    expect([100, 200, 300].map(failThenProbe)).toEqual([100, 200, 400])
    breaker.succeeded(350)
    expect(failThenProbe(1_000)).toBe(100)
  })

  it('hears nothing of calls that were under way when it opened', () => {
    const breaker = breakerOf()
    breaker.failed(0, 100)
    breaker.succeeded(101)
    expect([breaker.failed(50, 150), breaker.state, breaker.retryAtMs]).toEqual([false, 'open', 200])
    breaker.beginProbe()
    breaker.succeeded(201)
    expect(breaker.state).toBe('half-open')
  })

  it('ends no probe that was not begun', () => {
    const breaker = breakerOf()
    breaker.failed(0, 100)
    breaker.endProbe(true, 150)
    expect(breaker.state).toBe('open')
  })

  it('is never open without a time for the next probe, whatever happens in which order', () => {
    const step = fc.constantFrom('succeeded', 'failed', 'beginProbe', 'answered', 'unanswered')
    fc.assert(
      fc.property(fc.array(fc.tuple(step, fc.integer({ min: 0, max: 2_000 })), { maxLength: 60 }), steps => {
        const breaker = breakerOf()
        let nowMs = 0
        for (const [name, passMs] of steps) {
          const sentMs = nowMs
          nowMs += passMs
          const before = breaker.state
          if (name === 'succeeded') breaker.succeeded(nowMs)
          if (name === 'failed') breaker.failed(sentMs, nowMs)
          if (name === 'beginProbe') breaker.beginProbe()
          if (name === 'answered' || name === 'unanswered') breaker.endProbe(name === 'answered', nowMs)
          const { state, retryAtMs } = breaker
          if (state === 'open' && before !== 'open') expect(retryAtMs).toBeGreaterThan(nowMs)
          if (state === 'closed' && before !== 'closed')
            expect([before, name]).toEqual(['half-open', 'answered'])
          if (state === 'half-open' && before !== 'half-open') expect(before).toBe('open')
        }
      }),
    )
  })
})
