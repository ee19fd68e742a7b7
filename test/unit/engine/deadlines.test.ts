import { describe, expect, it } from 'vitest'
import type { Timers } from '../../../src/core/timers.js'
import { Deadlines, type Waiter } from '../../../src/engine/deadlines.js'
import { FakeClock } from '../../../src/testing/index.js'

class Note implements Waiter {
  dueMs = 0
  isSettled = false
  readonly #expired: string[]
  readonly #name: string

  constructor(name: string, expired: string[]) {
    this.#name = name
    this.#expired = expired
  }

  expire(): void {
    this.isSettled = true
    this.#expired.push(this.#name)
  }
}

/** A fake clock that counts the timers asked of it. */
function setUp() {
  const clock = new FakeClock()
  let timers = 0
  const counted: Timers = {
    monotonicMs: () => clock.monotonicMs(),
    after(delayMs, run) {
      timers++
      return clock.after(delayMs, run)
    },
  }
  const expired: string[] = []
  const queue = new Deadlines(counted, 100)
  const deadlines = {
    add: (waiter: Waiter, waitMs: number) => queue.add(waiter, waitMs, clock.monotonicMs()),
    expireAll: () => queue.expireAll(),
  }
  return {
    clock,
    deadlines,
    expired,
    note: (name: string) => new Note(name, expired),
    timers: () => timers,
  }
}

describe('deadlines', () => {
  it('end what waits too long, each in its time', async () => {
    const { clock, deadlines, expired, note } = setUp()
    deadlines.add(note('a'), 100)
    await clock.advance('60ms')
    deadlines.add(note('b'), 100)
    deadlines.add(note('short'), 10)
    await clock.advance('39ms')
    expect(expired).toEqual(['short'])
    await clock.advance('1ms')
    expect(expired).toEqual(['short', 'a'])
    await clock.advance('60ms')
    expect(expired).toEqual(['short', 'a', 'b'])
  })

  it('leave alone what was settled', async () => {
    const { clock, deadlines, expired, note } = setUp()
    const settled = note('settled')
    deadlines.add(settled, 100)
    deadlines.add(note('waiting'), 100)
    settled.isSettled = true
    await clock.advance('1s')
    expect(expired).toEqual(['waiting'])
  })

  it('take one timer for all who wait equally long, and none while nobody waits', async () => {
    const { clock, deadlines, note, timers } = setUp()
    const notes = Array.from({ length: 10_000 }, (_, i) => note(String(i)))
    for (const waiter of notes) deadlines.add(waiter, 100)
    expect(timers()).toBe(1)
    for (const waiter of notes) waiter.isSettled = true
    await clock.advance('10s')
    expect(timers()).toBe(1)
  })

  it('can all end before their time, once', async () => {
    const { clock, deadlines, expired, note } = setUp()
    const settled = note('settled')
    deadlines.add(settled, 100)
    settled.isSettled = true
    deadlines.add(note('a'), 100)
    deadlines.add(note('b'), 200)
    deadlines.expireAll()
    await clock.advance('1s')
    expect(expired).toEqual(['a', 'b'])
  })
})
