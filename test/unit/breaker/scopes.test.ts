import { describe, expect, test, vi } from 'vitest'
import { createBreaker, type Scope } from '../../../src/breaker/index.js'
import { FakeClock } from '../../../src/testing/fake-clock.js'
import { breakerOf, down } from './breaker-harness.js'

const CALL = { server: 'https://a.example', method: 'tools/call', url: '/mcp', session: 's1', tool: 'search' }

/** Opens the circuit of one call, and tells whether that of another is open as well. */
async function reaches(scope: Scope, other: Record<string, string | undefined>): Promise<boolean> {
  const breaker = createBreaker({ clock: new FakeClock(), scope, failureThreshold: 1 })
  await breaker.run(CALL, () => Promise.reject(down)).catch(() => {})
  const permit = await breaker.permit(other)
  return !permit.allowed
}

describe('B6: a scope', () => {
  test.each([
    ['Global', {}, { server: 'x', method: 'y', url: 'z', session: 'q', tool: 't' }, undefined],
    [
      'PerServer',
      { server: CALL.server },
      { session: 's2', method: 'ping' },
      { server: 'https://b.example' },
    ],
    ['PerMethod', { method: CALL.method }, { server: 'https://b.example' }, { method: 'tools/list' }],
    ['PerEndpoint', {}, { session: 's2' }, { url: '/other' }],
    ['PerEndpoint', {}, { server: 'x' }, { method: 'tools/list' }],
    ['PerSession', { session: CALL.session }, { server: 'x' }, { session: 's2' }],
    ['PerTool', {}, { session: 's2' }, { tool: 'delete' }],
    ['PerTool', {}, { url: '/x' }, { server: 'https://b.example' }],
  ] as const)('%s breaks apart what it tells apart, and nothing else', async (scope, _same, also, apart) => {
    expect(await reaches(scope, { ...CALL, ...also })).toBe(true)
    if (apart !== undefined) expect(await reaches(scope, { ...CALL, ...apart })).toBe(false)
  })

  test('of a function names the call as it likes', async () => {
    const byTenant: Scope = call => (typeof call === 'string' ? call : (call.tenant ?? ''))
    const breaker = createBreaker({ clock: new FakeClock(), scope: byTenant, failureThreshold: 1 })
    await breaker.run({ tenant: 'acme' }, () => Promise.reject(down)).catch(() => {})
    expect(await breaker.permit({ tenant: 'acme', tool: 'x' })).toMatchObject({ allowed: false })
    expect(await breaker.permit({ tenant: 'other' })).toMatchObject({ allowed: true })
    expect(breaker.metrics()).toMatchObject({
      scope: 'custom',
      circuits: [{ key: 'acme' }, { key: 'other' }],
    })
  })

  test('without its part counts as default, once for all of them', async () => {
    expect(await reaches('PerSession', {})).toBe(false)
    const breaker = createBreaker({ clock: new FakeClock(), scope: 'PerSession', failureThreshold: 1 })
    await breaker.run({}, () => Promise.reject(down)).catch(() => {})
    expect(await breaker.permit({ session: '' })).toMatchObject({ allowed: false })
    expect(breaker.metrics().circuits).toMatchObject([{ key: 'default' }])
  })

  test.each([
    [
      'throws',
      (): string => {
        throw new Error('a bad scope')
      },
    ],
    ['answers no text', () => 42 as unknown as string],
    ['answers an empty text', () => ''],
  ])('of a function that %s counts as default and is told of', async (_, scope) => {
    const { breaker, warnings } = breakerOf({ scope })
    expect(await breaker.run('x', () => 'fine')).toBe('fine')
    expect(breaker.metrics().circuits).toMatchObject([{ key: 'default' }])
    expect(warnings).toHaveLength(1)
  })

  test('of a function that answers no text is told of to everybody, by the kind of the answer', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    await using breaker = createBreaker({ scope: () => 4711 as unknown as string })
    await breaker.run({ server: 'a' }, () => 'fine')
    const message = String(warned.mock.calls[0]?.[0])
    warned.mockRestore()
    expect(message).toMatch(
      /counts as 'default': the function of the scope answered a number; it has to name/,
    )
  })

  test('is told by metrics in its own words', async () => {
    const names = async (scope: Scope | undefined) => {
      const breaker = createBreaker({ clock: new FakeClock(), scope })
      await breaker.permit(CALL)
      const { scope: label, circuits } = breaker.metrics()
      return [label, circuits[0]?.key]
    }
    expect(await names('Global')).toEqual(['global', 'global'])
    expect(await names('PerServer')).toEqual(['server', 'https://a.example'])
    expect(await names('PerEndpoint')).toEqual(['endpoint', 'tools/call /mcp'])
    expect(await names('PerTool')).toEqual(['tool', 'https://a.example search'])
    expect((await names(undefined))[0]).toBe('subject')
  })
})

describe('a subject', () => {
  const HOSTILE = [
    '{}',
    'a:b',
    '%',
    '%25',
    '{user}',
    '\0',
    '\r\nX: y',
    '*',
    '~',
    'é',
    'x'.repeat(10_000),
    `${'x'.repeat(10_000)}y`,
  ]

  test('of any bytes has a circuit of its own', async () => {
    const breaker = createBreaker({ clock: new FakeClock(), failureThreshold: 1 })
    for (const [i, subject] of HOSTILE.entries()) {
      expect(await breaker.permit(subject)).toMatchObject({ allowed: true })
      await breaker.run(subject, () => Promise.reject(down)).catch(() => {})
      const open = await Promise.all(HOSTILE.map(async other => !(await breaker.permit(other)).allowed))
      expect(open).toEqual(HOSTILE.map((_, j) => j <= i))
    }
  })

  test('is never a circuit by the name of another: records and texts are apart', async () => {
    const breaker = createBreaker({ clock: new FakeClock(), failureThreshold: 1 })
    await breaker.run({ user: 'ann' }, () => Promise.reject(down)).catch(() => {})
    expect(await breaker.permit('user=ann')).toMatchObject({ allowed: true })
    expect(await breaker.permit('ann')).toMatchObject({ allowed: true })
  })

  test('with half a surrogate pair is repaired where a scope reads it, and refused where nothing does', async () => {
    const scoped = createBreaker({ clock: new FakeClock(), scope: 'PerSession' })
    expect(await scoped.run({ session: 'a\ud800' }, () => 'fine')).toBe('fine')
    const plain = createBreaker({ clock: new FakeClock() })
    await expect(plain.run('a\ud800', () => 'fine')).rejects.toMatchObject({ code: 'ERR_SLUICE_SUBJECT' })
  })

  test('that is long is named by its hash', async () => {
    const breaker = createBreaker({ clock: new FakeClock() })
    await breaker.permit('x'.repeat(10_000))
    expect(breaker.metrics().circuits[0]?.key).toMatch(/^~[0-9a-f]{64}$/)
  })
})
