import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../../src/core/time.js'
import { timersOf } from '../../../src/core/timers.js'
import { FakeClock } from '../../../src/testing/index.js'

const DAY_MS = 86_400_000

describe('timers of a limiter', () => {
  beforeEach(() => vi.useFakeTimers())
  afterEach(() => vi.useRealTimers())

  it('wait longer than setTimeout can, which would fire at once', () => {
    const ran = vi.fn()
    timersOf(systemClock).after(60 * DAY_MS, ran)
    vi.advanceTimersByTime(60 * DAY_MS - 1)
    expect(ran).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(ran).toHaveBeenCalledOnce()
  })

  it('can be called off, however often they were set anew', () => {
    const ran = vi.fn()
    const cancel = timersOf(systemClock).after(60 * DAY_MS, ran)
    vi.advanceTimersByTime(59 * DAY_MS)
    cancel()
    vi.advanceTimersByTime(DAY_MS)
    expect(ran).not.toHaveBeenCalled()
  })

  it('are those of a clock that brings its own', () => {
    const clock = new FakeClock()
    expect(timersOf(clock)).toBe(clock)
  })
})
