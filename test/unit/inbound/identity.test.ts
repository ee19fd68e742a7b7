import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { GatewayConfig } from '../../../src/inbound/index.js'
import { setUp } from './support/set-up.js'

describe('who is counted', () => {
  const passesTwice = async (config: GatewayConfig, first: object, second: object) => {
    const { passes } = setUp(config)
    expect(await passes(first)).toBe(true)
    return passes(second)
  }

  test.each([
    [
      'key row 7: the first of email, id and sub that is not blank',
      { email: '  ', id: null, sub: 's-42' },
      's-42',
    ],
    ['key row 8: a number is its text', 42, '42'],
    ['key row 15: zero is a user', { id: 0 }, '0'],
    ['an email before an id', { email: 'ada@example.com', id: 7 }, 'ada@example.com'],
    ['spaces around a name do not count', '  ada ', 'ada'],
    ['key row 6: no user is the same as a blank one', null, '   '],
    ['key row 6: a record without a name is no user', { email: '', name: 'Ada' }, undefined],
  ])('%s', async (_, user, same) => {
    expect(await passesTwice({ by_user: '1/s' }, { user }, { user: same })).toBe(false)
  })

  test.each([
    ['names differ by case', 'Bob', 'bob'],
    ['key row 9: a colon is part of a name', 'a:b', 'a_b'],
    ['a real user called anonymous is none without a name', undefined, 'anonymous'],
    ['not even with the spaces that the marker has', undefined, ' anonymous'],
  ])('%s', async (_, user, other) => {
    expect(await passesTwice({ by_user: '1/s' }, { user }, { user: other })).toBe(true)
  })

  test.each([
    ['key row 4: spaces and case of a tool', { tool: 'SEARCH ' }, { tool: 'search' }, false],
    ['key row 5: a prompt counts as a tool of its name', { tool: 'search' }, { prompt: ' Search' }, false],
    ['key row 11: letters beyond A to Z keep their case', { tool: 'ÄPFEL' }, { tool: 'Äpfel' }, false],
    ['a tool of another tenant', { tool: 'search', tenant: 'a' }, { tool: 'search', tenant: 'b' }, true],
    ['a tool without a tenant', { tool: 'search', tenant: 'a' }, { tool: 'search' }, true],
  ])('%s', async (_, first, second, passes) => {
    expect(await passesTwice({ by_tool: { ' Search ': '1/s', ÄPFEL: '1/m' } }, first, second)).toBe(passes)
  })

  test('key row 10: without a tenant nothing is counted by tenant, and no bucket is shared', async () => {
    const { limits, passes } = setUp({ by_tenant: '1/s' })
    for (const tenant of [undefined, null, '', '  ']) expect(await passes({ user: 'ada', tenant })).toBe(true)
    expect((await limits.check({ user: 'ada' })).dimensions).toEqual([])
    expect(await passes({ tenant: 'none' })).toBe(true)
    expect(await passes({ tenant: ' none ' })).toBe(false)
  })

  test('key row 2: one user in two tenants is two, and no tenant is a third', async () => {
    const { passes } = setUp({ by_user: '1/s' })
    for (const tenant of ['a', 'b', undefined, 'none'])
      expect(await passes({ user: 'ada', tenant })).toBe(true)
    expect(await passes({ user: 'ada', tenant: ' a' })).toBe(false)
  })

  test('names that would alias in keys joined by colons stay apart', async () => {
    const { passes } = setUp({ by_user: '1/s', by_tenant: '100/s' })
    expect(await passes({ tenant: 'a', user: 'b:user:c' })).toBe(true)
    expect(await passes({ tenant: 'a:user:b', user: 'c' })).toBe(true)
  })

  test.each([
    [{ tenant: 42 }, 'tenant'],
    [{ tenant: { id: 'acme' } }, 'tenant'],
    [{ user: ['ada'] }, 'user'],
    [{ user: { email: { address: 'ada' } } }, 'user.email'],
    [{ user: Number.NaN }, 'user'],
    [{ user: 'ada', tool: 7 }, 'tool'],
    [{ user: 'ada', tool: 'search', prompt: 'search' }, 'prompt'],
  ])('%j is an error and never a pass, and tells no value', async (request, part) => {
    const { limits } = setUp({ by_user: '1/m', by_tenant: '1/m' })
    const error = await limits.check(request as object).catch((error: unknown) => error)
    expect(error).toMatchObject({ code: 'ERR_SLUICE_SUBJECT', part })
    expect(String(error)).not.toMatch(/42|acme|ada/)
    expect((await limits.check({ user: 'ada', tenant: 'acme' })).allowed).toBe(true)
  })

  test('a user at each server is counted apart, and a request without a server is an error', async () => {
    const { limits, passes } = setUp({ by_user_per_server: '1/m', by_user: '9/m' })
    expect(await passes({ user: 'ada', server: 'one' })).toBe(true)
    expect(await passes({ user: 'ada', server: 'two' })).toBe(true)
    expect(await passes({ user: 'ada', server: ' one ' })).toBe(false)
    await expect(limits.check({ user: 'ada', server: ' ' })).rejects.toMatchObject({ part: 'server' })
    const { dimensions } = await limits.check({ user: 'ada', server: 'three' })
    expect(dimensions[0]).toMatchObject({ dimension: 'by_user', remaining: 6 })
  })

  test.each([
    ['anonymous', [true, false]],
    ['skip', [true, true]],
    [{ limit: '2/m' }, [true, true, false]],
  ] as const)('without a user, missing_user: %j', async (missing_user, expected) => {
    const { passes } = setUp({ by_user: '1/m', missing_user })
    const answers: boolean[] = []
    for (const _ of expected) answers.push(await passes({ user: ' ' }))
    expect(answers).toEqual(expected)
    expect(await passes({ user: 'ada' })).toBe(true)
  })

  test('without a user, missing_user: refuse is an error that charges nobody', async () => {
    const { limits } = setUp({ by_user: '1/m', by_tenant: '1/m', missing_user: 'refuse' })
    await expect(limits.check({ tenant: 'acme' })).rejects.toMatchObject({
      code: 'ERR_SLUICE_SUBJECT',
      part: 'user',
    })
    expect((await limits.check({ tenant: 'acme', user: 'ada' })).allowed).toBe(true)
  })

  test('no two callers share a counter, whatever they are called', async () => {
    const name = fc.string({ unit: 'binary', maxLength: 8 })
    const caller = fc.record({ tenant: fc.option(name), user: fc.option(name) })
    const identity = ({ tenant, user }: { tenant: string | null; user: string | null }) =>
      JSON.stringify([tenant?.trim() || null, user?.trim() || null])
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(caller, { selector: identity, minLength: 2 }), async callers => {
        const { passes } = setUp({ by_user: '1/h' })
        for (const one of callers) expect(await passes(one)).toBe(true)
        for (const one of callers) expect(await passes(one)).toBe(false)
      }),
    )
  })

  test('a tool may be called as nothing else may', async () => {
    const { passes } = setUp({ by_tool: JSON.parse('{ "__proto__": "1/m", "constructor": "1/m" }') })
    for (const tool of ['__proto__', 'constructor', 'toString']) expect(await passes({ tool })).toBe(true)
    expect(await passes({ tool: '__PROTO__' })).toBe(false)
    expect(await passes({ tool: 'constructor' })).toBe(false)
    expect(await passes({ tool: 'toString' })).toBe(true)
  })

  test('what is no request is an error that does not repeat it', async () => {
    const { limits } = setUp({ by_user: '1/m' })
    await expect(limits.check('ada' as never)).rejects.toThrow(
      'a string is no request; give { user, tool, … }',
    )
  })
})
