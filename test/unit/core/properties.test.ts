import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ALGORITHMS } from '../../../src/core/plan.js'
import { Op, Status } from '../../../src/core/step.js'
import { type Admission, brokenBound } from '../../support/history.js'
import { KeyModel } from '../../support/key-model.js'
import { limitOf } from '../../support/limits.js'
import { answerOf, strides, walk } from '../../support/walk.js'

const TAKING = [Op.consume, Op.consume, Op.consume, Op.grant] as const

describe.each(ALGORITHMS)('%s', algorithm => {
  test('never admits more than its bound in any interval', () => {
    fc.assert(
      fc.property(limitOf(algorithm), strides(TAKING, 120), (limit, walked) => {
        const admissions: Admission[] = []
        walk(limit, walked, ({ nowUs, granted, status }) => {
          if (status === Status.allowed)
            admissions.push({ nowUs, units: granted, endUs: nowUs + limit.windowUs })
        })
        expect(brokenBound(limit, admissions)).toBeUndefined()
      }),
      { numRuns: 200 },
    )
  })

  test('a denial changes nothing, and says to the microsecond when the same cost passes', () => {
    fc.assert(
      fc.property(limitOf(algorithm), strides(TAKING), (limit, walked) => {
        let bytes: Buffer = Buffer.alloc(0)
        walk(limit, walked, (visit, key) => {
          if (visit.status === Status.denied) {
            expect(visit).toMatchObject({ wrote: false, granted: 0 })
            expect(visit.waitUs).toBeGreaterThan(0)
            if (visit.nowUs < visit.endUs) expect(key.model.stateBytes()).toEqual(bytes)
            const n = visit.op === Op.grant ? 1 : visit.n
            const passesUs = visit.nowUs + visit.waitUs
            expect(key.ahead(n, passesUs)).toBe(Status.allowed)
            expect(key.ahead(n, passesUs - 1)).toBe(Status.denied)
          }
          bytes = key.model.stateBytes()
        })
      }),
      { numRuns: 200 },
    )
  })

  test('tells the largest cost that passes now', () => {
    fc.assert(
      fc.property(limitOf(algorithm), strides([...TAKING, Op.debit, Op.peek]), (limit, walked) => {
        walk(limit, walked, ({ nowUs, remaining }, key) => {
          const most = algorithm === 'concurrency' ? Math.min(remaining, 64) : remaining
          if (most > 0) expect(key.ahead(most, nowUs)).toBe(Status.allowed)
          expect(key.ahead(remaining + 1, nowUs)).toBeLessThanOrEqual(Status.denied)
        })
      }),
      { numRuns: 100 },
    )
  })

  test('at its end a key decides as an absent one, and so it does once it is said to be reset', () => {
    fc.assert(
      fc.property(
        limitOf(algorithm),
        strides([...TAKING, Op.debit]),
        fc.nat(1_000_000),
        (limit, walked, later) => {
          walk(limit, walked, ({ nowUs, resetUs, endUs }, key) => {
            if (nowUs >= endUs) return
            expect(endUs - nowUs).toBeGreaterThanOrEqual(resetUs)
            for (const thenUs of [nowUs + resetUs, endUs, endUs + later]) {
              for (const n of [1, limit.burst, limit.burst + 1]) {
                const peek = [limit.planAt(thenUs), Op.peek, n, 0, 'another', thenUs] as const
                expect(answerOf(key.model.decide(...peek))).toEqual(
                  answerOf(new KeyModel(algorithm).decide(...peek)),
                )
              }
            }
          })
        },
      ),
      { numRuns: 100 },
    )
  })
})
