import type { GcraPlan } from '../../../src/core/plan.ts'
import { Status } from '../../../src/core/step.ts'
import { EPOCH_2020_US } from '../../../src/core/time.ts'
import { Decision } from '../../../src/decision.ts'
import type { Limit } from '../../../src/policy.ts'

/**
 * The least that answers a check of `gcra` with a `Decision`: the clock, a look-up of the key, the arithmetic. No policies, no options, no
 * counts, no events, no end of any key: what a limiter in this process cannot be faster than.
 */
export function floor(limit: Limit, plan: GcraPlan, keys: number): (subject: string) => Decision {
  const { interval, cap } = plan
  const rows = new Map<string, number>()
  const arrivals = new Float64Array(keys)
  return subject => {
    const nowUs = Date.now() * 1000
    const nowTicks = (nowUs - EPOCH_2020_US) * 8
    let row = rows.get(subject)
    if (row === undefined) {
      row = rows.size
      rows.set(subject, row)
    }
    const backlog = Math.max(0, (arrivals[row] as number) - nowTicks)
    const next = backlog + interval
    if (next > cap) {
      const [waitUs, resetUs] = [Math.ceil((next - cap) / 8), Math.ceil(backlog / 8)]
      const shown = {
        limit,
        subject,
        status: Status.denied,
        granted: 0,
        remaining: 0,
        waitUs,
        resetUs,
        nowUs,
      }
      return new Decision(shown, 'memory')
    }
    arrivals[row] = nowTicks + next
    const remaining = Math.floor((cap - next) / interval)
    const resetUs = Math.ceil(next / 8)
    const shown = { limit, subject, status: Status.allowed, granted: 1, remaining, waitUs: 0, resetUs, nowUs }
    return new Decision(shown, 'memory')
  }
}
