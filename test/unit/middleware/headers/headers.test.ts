import { describe, expect, test } from 'vitest'
import { headerWriter, readHeaderFormats } from '../../../../src/middleware/headers/header-writer.js'
import { problemDocument, problemKind, violatedPolicies } from '../../../../src/middleware/headers/problem.js'
import { fieldString } from '../../../../src/middleware/headers/structured-field.js'
import type { Told } from '../../../../src/middleware/headers/told.js'
import { createTestLimiter } from '../../../../src/testing/create-test-limiter.js'

const NOW_MS = 1_700_000_000_400

function fieldsOf(told: Told, formats: unknown): Record<string, string> {
  const fields: Record<string, string> = {}
  const read = readHeaderFormats(formats)
  if (!Array.isArray(read)) throw new Error('refused')
  headerWriter(read)(told, NOW_MS, (name, value) => {
    fields[name] = value
  })
  return fields
}

const { limiter } = createTestLimiter({
  policies: {
    window: { algorithm: 'fixed_window', limit: 5, window: '60s' },
    smooth: '100/m',
    both: ['2/s', '3/h'],
    short: { algorithm: 'fixed_window', limit: 2, window: '500ms' },
    held: { algorithm: 'concurrency', limit: 4 },
  },
})

describe('header fields', () => {
  test('of an admitted request, in every format', async () => {
    const told = await limiter.check('window', 'admitted')
    expect(fieldsOf(told, 'x')).toEqual({
      'X-RateLimit-Limit': '5',
      'X-RateLimit-Remaining': '4',
      'X-RateLimit-Reset': '1700000061',
    })
    expect(fieldsOf(told, 'draft-6')).toEqual({
      'RateLimit-Policy': '5;w=60',
      'RateLimit-Limit': '5',
      'RateLimit-Remaining': '4',
      'RateLimit-Reset': '60',
    })
    expect(fieldsOf(told, 'draft-7')).toEqual({
      'RateLimit-Policy': '5;w=60',
      RateLimit: 'limit=5, remaining=4, reset=60',
    })
    expect(fieldsOf(told, 'draft-11')).toEqual({
      'RateLimit-Policy': '"window";q=5;w=60',
      RateLimit: '"window";r=4;t=60',
    })
    expect(Object.keys(fieldsOf(told, ['x', 'draft-11']))).toHaveLength(5)
    expect(fieldsOf(told, 'none')).toEqual({})
  })

  test('of a refused request say when it can pass, rounded up, and name no earlier time beside Retry-After', async () => {
    await limiter.check('smooth', 'refused', { cost: 100 })
    const told = await limiter.check('smooth', 'refused')
    expect(told.retryAfterMs).toBe(600)
    expect(fieldsOf(told, ['x', 'draft-11'])).toEqual({
      'X-RateLimit-Limit': '100',
      'X-RateLimit-Remaining': '0',
      'X-RateLimit-Reset': '1700000002',
      'RateLimit-Policy': '"smooth";q=100;w=60',
      RateLimit: '"smooth";r=0;t=1',
      'Retry-After': '1',
    })
    expect(fieldsOf(told, 'none')).toEqual({})
  })

  test('name the limit that decided, and list all', async () => {
    await limiter.check('both', 'several')
    await limiter.check('both', 'several')
    const told = await limiter.checkAll([
      { policy: 'both', subject: 'several' },
      { policy: 'window', subject: 'several' },
    ])
    expect(told.allowed).toBe(false)
    const fields = fieldsOf(told, 'draft-11')
    expect(fields['RateLimit-Policy']).toBe('"both";q=2;w=1, "both~1";q=3;w=3600, "window";q=5;w=60')
    expect(fields.RateLimit).toBe('"both";r=0;t=1')
  })

  test('count a window below a second as one, and tell held units as such', async () => {
    expect(fieldsOf(await limiter.check('short', 'a'), 'draft-11')['RateLimit-Policy']).toBe(
      '"short";q=2;w=1',
    )
    const held = fieldsOf(await limiter.peek('held', 'a'), 'draft-11')
    expect(held['RateLimit-Policy']).toBe('"held";q=4;qu="concurrent-requests"')
  })

  test('cannot be led into another field by the name of a policy', () => {
    expect(fieldString('per user')).toBe('"per user"')
    expect(fieldString('a"b\\c')).toBe('"a\\"b\\\\c"')
    expect(fieldString('x\r\nSet-Cookie: a=b')).toBe('"x%0D%0ASet-Cookie: a=b"')
    expect(fieldString('né 50% \ud800')).toBe('"n%C3%A9 50%25 %EF%BF%BD"')
  })
})

describe('a problem document', () => {
  test('tells a quota that is used up, with the policies that refused', async () => {
    await limiter.check('both', 'problem', { cost: 2 })
    const told = await limiter.check('both', 'problem', { cost: 2 })
    expect(problemDocument(problemKind(told), violatedPolicies(told))).toEqual({
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      title: 'Request cannot be satisfied as assigned quota has been exceeded',
      status: 429,
      'violated-policies': ['both', 'both~1'],
    })
  })

  test('never shows an outage or a block as a quota', () => {
    expect(problemDocument(problemKind({ reason: 'store-unavailable' }), [])).toMatchObject({ status: 503 })
    expect(problemKind({ reason: 'blocked' })).toBe('abnormal-usage-detected')
    expect(problemKind({ reason: 'limit' })).toBe('quota-exceeded')
  })
})
