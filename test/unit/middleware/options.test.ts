import { describe, expect, test } from 'vitest'
import { rateLimit } from '../../../src/middleware/http.js'
import { createTestLimiter } from '../../../src/testing/create-test-limiter.js'

const { limiter } = createTestLimiter({ policies: { api: '5/m', ip: '9/m' } })

/** What creation says of options that TypeScript would not let pass. */
function refusal(...args: readonly unknown[]): string {
  try {
    ;(rateLimit as (...given: readonly unknown[]) => unknown)(...args)
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('nothing was refused')
}

describe('options that cannot be meant', () => {
  test.each([
    [{}, "there is no rate; give one such as '100/m'"],
    [{ limiter }, 'policy: is missing; name a policy'],
    [{ limiter, policy: 'api', windowMs: 5 }, "windowMs: stands beside 'limiter'"],
    [{ policy: 'api', limit: 5 }, "policy: names a policy, and there is no 'limiter'"],
    [{ limit: 5, key: () => 'a', keyGenerator: () => 'a' }, "key: says the same as 'keyGenerator'"],
    [{ limit: 5, headers: 'x', standardHeaders: true }, "standardHeaders: stands beside 'headers'"],
    [{ limit: 5, requestWasSuccessful: () => true }, 'requestWasSuccessful: is asked only with'],
    [{ limit: 5, skipFailedRequests: true, countWhen: () => true }, 'countWhen: stands beside'],
    [{ limiter, checks: [{ policy: 'api' }], policy: 'ip' }, "policy: belongs into each of 'checks'"],
    [{ limiter, checks: [] }, 'checks: an empty list is not a list of 1 to 16 checks'],
    [{ limiter, checks: [{ policy: 'api' }, { policy: 'api' }] }, "checks[1].policy: 'api' is there twice"],
    [{ limiter, checks: [{ policy: 'api', keey: () => 'a' }] }, 'checks[0].keey: is not an option'],
    [{ limit: 5, skp: () => true }, 'skp: is not an option; options are'],
    [{ limit: 5, skp: () => true }, "did you mean 'skip'?"],
    [{ limit: 5, trustProxy: true }, 'trustProxy: true would believe whatever address a client writes'],
    [{ limit: 5, trustProxy: '0.0.0.0/0' }, 'trustProxy: a network of all addresses would believe'],
    [{ limit: 5, allowList: ['10.0.0.0/40'] }, "allowList: '10.0.0.0/40' is no address or network"],
    [{ limit: 5, ipv6Subnet: 0 }, 'ipv6Subnet: 0 is no length of an IPv6 prefix'],
    [{ limit: 5, statusCode: 200 }, 'statusCode: 200 is no status of a refusal'],
    [{ limit: 5, headers: ['draft-6', 'draft-7'] }, "'draft-6' and 'draft-7' both write RateLimit-Policy"],
    [{ limit: 5, headers: ['x', 'none'] }, "'none' stands beside other formats"],
    [{ limit: 5, headers: 'draft-8' }, "headers: 'draft-8' has the syntax of 'draft-11'"],
    [{ limit: 5, headers: 'draft-5' }, "headers: 'draft-5' is unknown"],
    [{ limit: 5, standardHeaders: 'draft-9' }, "standardHeaders: 'draft-9' is unknown"],
    [{ limit: 1.5 }, 'limit: 1.5 is neither a whole number'],
    [{ limiter: {}, policy: 'api' }, 'limiter: an object is not a limiter; make one with createLimiter'],
    [{ limit: 5, skip: true }, 'skip: true is not a function'],
    [{ limit: 5, requestPropertyName: '__proto__' }, "'__proto__' is what every object has"],
    [{ limit: 5, backpressureHeader: 'Transfer-Encoding' }, 'choose a field that is free'],
  ])('%o', (options, message) => {
    expect(refusal(options)).toContain(message)
  })

  test('name what other rate limiters have, and what does it here', () => {
    expect(refusal({ max: 5, limit: 5 })).toContain("max: is 'limit'")
    expect(refusal({ limit: 5, store: {} })).toContain(
      'store: is of the limiter: make one with createLimiter',
    )
    expect(refusal({ limit: 5, passOnStoreError: true })).toContain("passOnStoreError: is 'onStoreFailure'")
    expect(refusal({ limit: 5, ttl: 60, getTracker: () => 'a' })).toMatch(
      /ttl: is 'windowMs'[\s\S]*getTracker: is 'key'/,
    )
    expect(refusal({ driver: 'redis', id: () => 'a' })).toMatch(
      /driver: is of the limiter[\s\S]*id: is 'key'/,
    )
    expect(refusal({ limit: 5, constructor: 1 })).toContain('constructor: is not an option')
  })

  test('are told all together, with the place', () => {
    expect(refusal({ limit: 5, statusCode: 1, ipv6Subnet: 500 })).toBe(
      'sluice/http cannot take these options:\n' +
        '  ipv6Subnet: 500 is no length of an IPv6 prefix; write one from 1 to 128, usually 48 to 64, or false; ' +
        'where it depends on the request, name what to count by yourself\n' +
        '  statusCode: 1 is no status of a refusal; write one from 400 to 599',
    )
  })

  test('a rate is refused as a policy is', () => {
    expect(refusal('5/mm')).toContain("'mm' is not a unit")
    expect(refusal(['5/m', 10])).toContain('rate[1]: 10 is a number without a window')
    expect(refusal([{ algorithm: 'concurrency', limit: 3 }])).toContain("rate: is of 'concurrency'")
    expect(refusal('5/m', { limit: 3 })).toContain('limit: stands beside a rate')
    for (const nothing of [undefined, null, 5]) {
      expect(refusal(nothing)).toContain(`sluice/http: ${nothing} says nothing of limits`)
    }
    expect(refusal('5/m', null)).toContain('null says nothing of limits')
  })
})
