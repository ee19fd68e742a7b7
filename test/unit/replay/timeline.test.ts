import { describe, expect, it } from 'vitest'
import { BUCKETS_MAX, Timeline } from '../../../src/replay/timeline.js'

const SECOND_US = 1_000_000
const START_US = Date.UTC(2015, 4, 17) * 1000

function timeline(seconds: readonly number[]): Timeline {
  const counted = new Timeline(1)
  for (const second of seconds) counted.add(0, START_US + second * SECOND_US)
  return counted
}

const counts = (counted: Timeline): number[] => counted.buckets().map(bucket => bucket.counts[0] as number)

describe('Timeline', () => {
  it('has no buckets without events', () => {
    expect(new Timeline(1).buckets()).toEqual([])
  })

  it('counts seconds while these are few, with the empty ones between them', () => {
    expect(counts(timeline([0, 0, 2, 4]))).toEqual([2, 0, 1, 0, 1])
  })

  it('grows its buckets to a size a reader can name', () => {
    expect(timeline([0, 60]).sizeUs).toBe(SECOND_US)
    expect(timeline([0, 7200]).sizeUs).toBe(120 * SECOND_US)
    expect(timeline([0, 83 * 3600]).sizeUs).toBe(3600 * SECOND_US)
    expect(timeline([0, 365 * 86_400]).sizeUs).toBe(4 * 86_400 * SECOND_US)
  })

  it('never has more buckets than it may, and loses no event', () => {
    for (let span = 1; span < 10_000_000; span = span * 3 + 1) {
      const counted = timeline([0, 1, span / 2, span - 1, span])
      expect(counted.buckets().length).toBeLessThanOrEqual(BUCKETS_MAX)
      expect(counts(counted).reduce((sum, count) => sum + count)).toBe(5)
    }
  })

  it('gives the same for the same events in any order', () => {
    const seconds = [0, 500, 13, 90_000, 42, 7, 91_234]
    const forward = timeline(seconds)
    const backward = timeline([...seconds].reverse())
    expect(backward.sizeUs).toBe(forward.sizeUs)
    expect(backward.buckets()).toEqual(forward.buckets())
  })
})
