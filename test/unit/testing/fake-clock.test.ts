import { describe, expect, it } from 'vitest'
import { FakeClock } from '../../../src/testing/index.js'

const START_MS = Date.UTC(2026, 0, 1)

describe('a fake clock', () => {
  it('stands still until it is moved', async () => {
    const clock = new FakeClock()
    expect(clock.nowUs()).toBe(START_MS * 1000)
    await clock.advance('1.5s')
    expect(clock.nowUs()).toBe((START_MS + 1500) * 1000)
  })

  it('has moved when advance returns, as long as no timer is due', () => {
    const clock = new FakeClock('2026-05-01T00:00:00Z')
    clock.advance('1d')
    expect(clock.nowUs()).toBe(Date.UTC(2026, 4, 2) * 1000)
  })

  it('runs timers in the order they fall due, those included that timers set', async () => {
    const clock = new FakeClock()
    const ran: string[] = []
    const note = (name: string) => () => ran.push(`${name} at ${clock.monotonicMs()}`)
    clock.after(300, note('late'))
    clock.after(100, () => {
      note('early')()
      clock.after(50, note('child'))
    })
    const cancel = clock.after(200, note('called off'))
    cancel()
    await clock.advance('299ms')
    expect(ran).toEqual(['early at 100', 'child at 150'])
    await clock.advance('1ms')
    expect(ran.at(-1)).toBe('late at 300')
  })

  it('is set like a wall clock, back too, and timers do not notice', async () => {
    const clock = new FakeClock()
    clock.set('2020-02-02T00:00:00Z')
    expect(clock.nowUs()).toBe(Date.UTC(2020, 1, 2) * 1000)
    expect(clock.monotonicMs()).toBe(0)
  })

  it('refuses what is no time', () => {
    expect(() => new FakeClock('noon')).toThrow("'noon' is not a time")
    expect(() => new FakeClock().set('later')).toThrow("'later' is not a time")
  })
})
