import { show } from '../../policy/refusal.js'
import type { RouteRate } from './request-options.js'

/** Pairs of options of which one has to go. */
export function contradictions(rate: RouteRate | undefined, options: object): readonly string[] {
  const given = options as Readonly<Record<string, unknown>>
  const has = (name: string): boolean => given[name] !== undefined
  const problems: string[] = []
  const refuse = (name: string, message: string) => has(name) && problems.push(`${name}: ${message}`)
  if (has('keyGenerator')) refuse('key', "says the same as 'keyGenerator'; give one of them")
  if (has('headers')) {
    refuse('legacyHeaders', "stands beside 'headers', which says it all; leave it out")
    refuse('standardHeaders', "stands beside 'headers', which says it all; leave it out")
  }
  if (given.signalClient === false) {
    for (const name of ['headers', 'legacyHeaders', 'standardHeaders', 'backpressureHeader'])
      refuse(name, "tells clients what 'signalClient: false' does not; leave one out")
  }
  if (has('skipFailedRequests') || has('skipSuccessfulRequests')) {
    refuse('countWhen', "stands beside 'skipFailedRequests' or 'skipSuccessfulRequests'; give one of them")
  } else {
    refuse(
      'requestWasSuccessful',
      "is asked only with 'skipFailedRequests' or 'skipSuccessfulRequests'; leave it out",
    )
  }
  if (has('limiter')) {
    if (rate !== undefined)
      problems.push(`the rate ${show(rate)} stands beside 'limiter', which has rates; give a 'policy'`)
    refuse('windowMs', "stands beside 'limiter', whose policies have their windows; leave it out")
    if (!has('policy') && !has('checks'))
      problems.push("policy: is missing; name a policy of 'limiter', or give 'checks'")
  } else {
    refuse('policy', "names a policy, and there is no 'limiter' to have it")
    refuse('checks', "name policies, and there is no 'limiter' to have them")
    if (rate !== undefined) {
      refuse('windowMs', 'stands beside a rate, which has its time; leave it out')
      if (typeof given.limit === 'number')
        refuse('limit', 'stands beside a rate, which has its limit; leave it out')
    } else if (!has('windowMs') && !has('limit')) {
      problems.push(
        "there is no rate; give one such as '100/m', or 'limit' and 'windowMs', or 'limiter' and 'policy'",
      )
    }
  }
  if (has('checks')) {
    const of = "belongs into each of 'checks'"
    for (const name of ['policy', 'key', 'keyGenerator', 'cost', 'limit', 'countWhen', 'shadow'])
      refuse(name, of)
    refuse('skipFailedRequests', `${of}, as 'countWhen'`)
    refuse('skipSuccessfulRequests', `${of}, as 'countWhen'`)
  }
  return problems
}
