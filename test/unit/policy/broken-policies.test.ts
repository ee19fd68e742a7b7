import { describe, expect, it } from 'vitest'
import { PolicyError } from '../../../src/errors.js'
import { compilePolicies } from '../../../src/policy.js'

/** What is given as `policies` may come from a file: the types do not protect from anything here. */
function problemsOf(policies: unknown): readonly string[] {
  try {
    compilePolicies(policies as Parameters<typeof compilePolicies>[0], { nowUs: 1_700_000_000_000_000 })
  } catch (error) {
    if (error instanceof PolicyError) return error.problems.map(({ path, message }) => `${path}: ${message}`)
    throw error
  }
  return []
}

const SMOOTH = 'algorithm, limit, window, debt, burst, settle, strict'
const POLICY = 'by, group, charge, deadline, onStoreFailure'

const BROKEN: readonly (readonly [what: string, policy: unknown, problem: string])[] = [
  ['a number', 60, `p: 60 is a number without a window; write a rate, such as '60/m'`],
  [
    'null',
    null,
    `p: null is not a rate; write a limit and a window, such as '100/m', '10/30s' or '1 per 259.2 s'`,
  ],
  ['no limits', [], `p: has 0 limits; a policy has 1 to 16`],
  ['more limits than a request has checks', Array(17).fill('1/s'), `p: has 17 limits; a policy has 1 to 16`],
  [
    'limits that are no list',
    { limits: '10/s' },
    `p.limits: '10/s' is not a list of limits, such as ['10/s', '1000/h']`,
  ],
  [
    'a broken rate in a list',
    ['1/s', '1/fortnight'],
    `p[1]: '1/fortnight': 'fortnight' is not a unit; units are ms, s, m, h, d, w and their words`,
  ],
  [
    'a number in limits',
    { limits: ['1/s', 5] },
    `p.limits[1]: 5 is a number without a window; write a rate, such as '5/m'`,
  ],
  ['no limit', { window: '1m' }, `p.limit: is missing; write a whole number of at least 1`],
  ['a limit of 0', { limit: 0, window: '1m' }, `p.limit: 0 is not a whole number of at least 1`],
  ['a negative limit', { limit: -1, window: '1m' }, `p.limit: -1 is not a whole number of at least 1`],
  [
    'a fraction of a request',
    { limit: 1.5, window: '1m' },
    `p.limit: 1.5 is not a whole number of at least 1`,
  ],
  ['NaN', { limit: Number.NaN, window: '1m' }, `p.limit: NaN is not a whole number of at least 1`],
  [
    'infinity',
    { limit: Number.POSITIVE_INFINITY, window: '1m' },
    `p.limit: Infinity is not a whole number of at least 1`,
  ],
  [
    'a limit as text',
    { limit: '100', window: '1m' },
    `p.limit: '100' is not a number; write a whole number of at least 1`,
  ],
  [
    'a bigint',
    { limit: 5n, window: '1m' },
    `p.limit: 5n is not a number; write a whole number of at least 1`,
  ],
  ['no window', { limit: 5 }, `p.window: is missing; write a duration, such as '15m'`],
  [
    'a window without unit',
    { limit: 5, window: 60 },
    `p.window: 60 is a number without a unit; write it as text with one, such as '60s' or '60ms'`,
  ],
  [
    'an unknown option',
    { limit: 5, window: '1m', windowMs: 5 },
    `p.windowMs: is not an option of 'gcra'; options are ${SMOOTH}, ${POLICY}; did you mean 'window'?`,
  ],
  [
    'an unknown option like nothing known',
    { limit: 5, window: '1m', xyzzy: 5 },
    `p.xyzzy: is not an option of 'gcra'; options are ${SMOOTH}, ${POLICY}`,
  ],
  [
    'an unknown option beside limits',
    { limits: ['5/s'], grup: 'a' },
    `p.grup: is not an option of a policy; options are limits, ${POLICY}; did you mean 'group'?`,
  ],
  [
    'an option of a limit beside limits',
    { limits: ['5/s'], burst: 5 },
    `p.burst: belongs to a single limit; write it inside the entries of 'limits'`,
  ],
  [
    'an option of the policy inside limits',
    { limits: [{ limit: 5, window: '1s', by: 'user' }] },
    `p.limits[0].by: concerns the whole policy; write it beside 'limits'`,
  ],
  [
    'an unknown algorithm',
    { limit: 5, window: '1m', algorithm: 'tokenbucket' },
    `p.algorithm: 'tokenbucket' is unknown; accepted are gcra, fixed_window, token_bucket, leaky_bucket, sliding_counter, sliding_window, quota, concurrency; did you mean 'token_bucket'?`,
  ],
  [
    'an option of another algorithm',
    { limit: 5, window: '1m', algorithm: 'fixed_window', burst: 9 },
    `p.burst: has no effect on 'fixed_window'; it is an option of gcra, token_bucket, leaky_bucket`,
  ],
  [
    'a window for a quota',
    { limit: 5, window: '1m', period: 'day', algorithm: 'quota' },
    `p.window: has no effect on 'quota'; it is an option of gcra, fixed_window, token_bucket, leaky_bucket, sliding_counter, sliding_window`,
  ],
  ['a burst of 0', { limit: 5, window: '1m', burst: 0 }, `p.burst: 0 is not a whole number of at least 1`],
  ['a negative debt', { limit: 5, window: '1m', debt: -1 }, `p.debt: -1 is not a whole number of at least 0`],
  ['a flag as text', { limit: 5, window: '1m', strict: 'yes' }, `p.strict: 'yes' is not true or false`],
  [
    'strict without settle',
    { limit: 5, window: '1m', strict: true },
    `p.strict: true needs 'settle', the time whose charges it holds back`,
  ],
  [
    'a strict settle that holds back everything',
    { limit: 5, window: '1m', strict: true, settle: '1m' },
    `p.settle: '1m' is too long to be strict: it holds back the whole burst of 5; shorten it, or raise 'burst'`,
  ],
  [
    'settle of a shaped queue',
    { limit: 5, window: '1m', algorithm: 'leaky_bucket', mode: 'shape', settle: '1s' },
    `p.settle: '1s' has no effect with mode 'shape'; leave it out, or use mode 'police'`,
  ],
  [
    'an offset without a clock',
    { limit: 5, window: '1h', algorithm: 'fixed_window', offset: '5m' },
    `p.offset: '5m' has no effect on windows that start at the first hit; add anchor: 'clock', or leave it out`,
  ],
  [
    'an offset of a whole window',
    { limit: 5, window: '1h', algorithm: 'fixed_window', anchor: 'clock', offset: '1h' },
    `p.offset: '1h' is not shorter than the window; windows repeat, so a shorter offset says the same`,
  ],
  [
    'a resolution that lets the log grow',
    { limit: 5000, window: '1024s', algorithm: 'sliding_window', resolution: '1ms' },
    `p.resolution: '1ms' is outside 1000000 us to the window; a finer one would let the log grow beyond 1024 entries`,
  ],
  [
    'an unknown period',
    { limit: 5, algorithm: 'quota', period: 'dayly' },
    `p.period: 'dayly' is unknown; accepted are day, week, month, quarter, year; did you mean 'day'?`,
  ],
  [
    'an unknown time zone',
    { limit: 5, algorithm: 'quota', period: 'day', timeZone: 'Europe/Berln' },
    `p.timeZone: 'Europe/Berln' is no time zone that this runtime knows; did you mean 'Europe/Berlin'?`,
  ],
  [
    'a spread burst without spread',
    { limit: 5, algorithm: 'quota', period: 'day', spreadBurst: 2 },
    `p.spreadBurst: 2 has no effect on a total that is free at once; add spread: true, or leave it out`,
  ],
  [
    'a spread burst above the total',
    { limit: 5, algorithm: 'quota', period: 'day', spread: true, spreadBurst: 6 },
    `p.spreadBurst: 6 is above the limit of 5`,
  ],
  [
    'charge each',
    { limit: 5, window: '1m', charge: 'each' },
    `p.charge: 'each' is unknown; 'all' is accepted`,
  ],
  [
    'an unknown mode',
    { limit: 5, window: '1m', algorithm: 'leaky_bucket', mode: 'polcie' },
    `p.mode: 'polcie' is unknown; accepted are police, shape; did you mean 'police'?`,
  ],
  [
    'a settle of 0',
    { limit: 5, window: '1m', settle: '0ms' },
    `p.settle: '0ms' is no time at all; write a duration above 0`,
  ],
  [
    'an empty part name',
    { limit: 5, window: '1m', by: ['a', ''] },
    `p.by: '' names no part of a subject; write a name or a list of names, such as ['tenant', 'user']`,
  ],
  [
    'a part named twice',
    { limit: 5, window: '1m', by: ['a', 'a'] },
    `p.by: names 'a' twice; name each part once`,
  ],
  [
    'a group without parts',
    { limit: 5, window: '1m', group: 'a' },
    `p.group: needs 'by', the list of parts that it is taken from`,
  ],
  [
    'a group outside the parts',
    { limit: 5, window: '1m', by: ['tenant', 'user'], group: 'tennant' },
    `p.group: 'tennant' is not one of the parts of 'by' (tenant, user); did you mean 'tenant'?`,
  ],
  [
    'a limit beyond the arithmetic',
    { limit: 2 ** 41, window: '1d' },
    `p.limit: 2199023255552 is above 1099511627776, the largest limit of 'gcra'`,
  ],
  [
    'a limit beyond the counter',
    { limit: 2 ** 27 + 1, window: '1d', algorithm: 'sliding_counter' },
    `p.limit: 134217729 is above 134217728, the largest limit of 'sliding_counter'`,
  ],
  [
    'a window beyond the arithmetic',
    '1/500 d',
    `p: '1/500 d' has a window that is longer than 35184372088832 us (407 days), the longest window`,
  ],
  [
    'a rate too fine for gcra',
    '20000000/s',
    `p: '20000000/s' has a limit that is more per window than 'gcra' counts closely: it would admit over 2 % less than asked; use 'token_bucket', which is exact`,
  ],
  [
    'a burst that drains for years',
    { limit: 1, window: '1d', burst: 10_000 },
    `p.burst: 10000 is above 814, the largest burst of this limit (more would overflow, or take over 814 days to drain)`,
  ],
  [
    'a debt that drains for years',
    { limit: 1, window: '1d', algorithm: 'token_bucket', debt: 10_000 },
    `p.debt: 10000 is above 813, the largest debt of this limit (more would overflow, or take over 814 days to drain)`,
  ],
  [
    'a lease beyond the arithmetic',
    { limit: 1, algorithm: 'concurrency', lease: '500d' },
    `p.lease: '500d' is longer than 35184372088832 us (407 days), the longest lease`,
  ],
]

describe('each broken policy is refused at its place, with the value and the way out', () => {
  it.each(BROKEN)('%s', (_, policy, problem) => {
    expect(problemsOf({ p: policy })).toEqual([`policies.${problem}`])
  })

  it.each([
    [undefined, `policies: undefined is not an object of policies by name, such as { perUser: '100/m' }`],
    [['1/s'], `policies: a list is not an object of policies by name, such as { perUser: '100/m' }`],
    [{}, `policies: names no policy; write at least one, such as { perUser: '100/m' }`],
    [{ '': '1/s' }, `policies['']: '' cannot name a policy; a name is well-formed text that is not empty`],
  ])('policies that are %j', (policies, problem) => {
    expect(problemsOf(policies)).toEqual([problem])
  })

  it('quotes names that are no identifiers as code would', () => {
    expect(problemsOf({ 'per-user': 5 })[0]).toMatch(/^policies\['per-user'\]: 5 is a number/)
  })

  it('says nothing of the prototype of an object', () => {
    expect(problemsOf({ p: { limit: 5, window: '1m', constructor: 1 } })).toEqual([
      `policies.p.constructor: is not an option of 'gcra'; options are ${SMOOTH}, ${POLICY}`,
    ])
  })
})

describe('one report tells everything that is wrong', () => {
  it('collects the problems of all policies, limits and options', () => {
    const policies = {
      fine: '100/m',
      api: { limits: [{ limit: 0, window: 60 }, '5/x'], by: ['tenant'], group: 'user', charge: 'each' },
      login: { limit: 5, windw: '15m' },
    }
    expect(problemsOf(policies).map(problem => problem.split(': ')[0])).toEqual([
      'policies.api.charge',
      'policies.api.limits[0].limit',
      'policies.api.limits[0].window',
      'policies.api.limits[1]',
      'policies.login.window',
      'policies.login.windw',
    ])
  })

  it('hands out path, value and message of each, for programs', () => {
    const broken = { api: { limit: 5, window: 60 } }
    expect(() => compilePolicies(broken as never)).toThrow(
      expect.objectContaining({
        code: 'ERR_SLUICE_POLICY',
        problems: [
          { path: 'policies.api.window', value: 60, message: expect.stringMatching(/^60 is a number/) },
        ],
      }),
    )
  })
})

describe('configurations that were lost without a word elsewhere', () => {
  it('refuses a number from YAML instead of taking it for no limit', () => {
    expect(problemsOf({ byUser: 60 })).toHaveLength(1)
  })

  it('refuses one wrong entry of a map instead of dropping the map', () => {
    expect(problemsOf({ search: '10/m', fetch: 10 })).toHaveLength(1)
  })

  it('refuses a misspelt word instead of falling back to the default', () => {
    expect(problemsOf({ p: { limit: 1, window: '1d', algorithm: 'fixed_window', anchor: 'clok' } })).toEqual([
      `policies.p.anchor: 'clok' is unknown; accepted are first-hit, clock; did you mean 'clock'?`,
    ])
  })

  it('refuses a window without a unit instead of guessing seconds or milliseconds', () => {
    expect(problemsOf({ p: { limit: 1, window: '60' } })).toHaveLength(1)
  })
})
