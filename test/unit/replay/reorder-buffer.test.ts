import { describe, expect, it } from 'vitest'
import { ReorderBuffer } from '../../../src/replay/reorder-buffer.js'

const SECOND_US = 1_000_000
const START_US = Date.UTC(2015, 4, 17) * 1000

/** Pushes requests of these seconds, named by their place, and takes out what can go after each. */
function order(windowSeconds: number, seconds: readonly number[], heldMax?: number) {
  const buffer = new ReorderBuffer(windowSeconds * SECOND_US, heldMax)
  const decided: [number, string][] = []
  const drain = (ended: boolean): void => {
    for (let instant = buffer.shift(ended); instant !== undefined; instant = buffer.shift(ended)) {
      for (const { parts } of instant.requests) {
        decided.push([(instant.nowUs - START_US) / SECOND_US, parts[0] as string])
      }
    }
  }
  for (const [index, second] of seconds.entries()) {
    buffer.push({ timeUs: START_US + second * SECOND_US, parts: [`#${index}`] })
    drain(false)
  }
  drain(true)
  return { decided, buffer }
}

describe('ReorderBuffer', () => {
  it('puts what is out of order by less than the window in order', () => {
    const { decided, buffer } = order(10, [0, 5, 3, 12, 4, 20])
    expect(decided).toEqual([
      [0, '#0'],
      [3, '#2'],
      [4, '#4'],
      [5, '#1'],
      [12, '#3'],
      [20, '#5'],
    ])
    expect(buffer).toMatchObject({ outOfOrder: 2, late: 0, longestLateUs: 0 })
  })

  it('keeps the order of the log within one instant', () => {
    expect(order(10, [5, 5, 3, 5]).decided.map(([, name]) => name)).toEqual(['#2', '#0', '#1', '#3'])
  })

  it('decides what comes too late at the earliest time still open, and counts it', () => {
    const { decided, buffer } = order(10, [0, 30, 12, 31])
    expect(decided).toEqual([
      [0, '#0'],
      [20, '#2'],
      [30, '#1'],
      [31, '#3'],
    ])
    expect(buffer).toMatchObject({ outOfOrder: 1, late: 1, longestLateUs: 8 * SECOND_US })
  })

  it('takes the lines as they come with a window of 0, under a clock that never goes back', () => {
    const { decided, buffer } = order(0, [0, 30, 12, 31, 31])
    expect(decided).toEqual([
      [0, '#0'],
      [30, '#1'],
      [30, '#2'],
      [31, '#3'],
      [31, '#4'],
    ])
    expect(buffer).toMatchObject({ outOfOrder: 1, late: 1 })
  })

  it('lets one line from the far future spoil only the order, not the clock', () => {
    const { decided } = order(10, [0, 1, 1_000_000, 2, 3])
    expect(decided.map(([, name]) => name)).toEqual(['#0', '#1', '#3', '#4', '#2'])
    expect(decided.slice(0, 2)).toEqual([
      [0, '#0'],
      [1, '#1'],
    ])
  })

  it('never lets the clock go back, whatever comes', () => {
    let state = 7
    const seconds = Array.from({ length: 2000 }, (_, index) => {
      state = (state * 48_271) % 2_147_483_647
      return index + (state % 200) - 100
    })
    const { decided } = order(60, seconds, 50)
    const times = decided.map(([second]) => second)
    expect(times).toHaveLength(2000)
    expect(times).toEqual([...times].sort((a, b) => a - b))
  })

  it('holds no more than it may, and then closes the oldest time early', () => {
    const { decided, buffer } = order(1000, [0, 1, 2, 3, 0.5], 3)
    expect(decided.map(([, name]) => name)).toEqual(['#0', '#4', '#1', '#2', '#3'])
    expect(buffer.late).toBe(0)
  })
})
