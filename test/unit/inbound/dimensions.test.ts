import { describe, expect, test } from 'vitest'
import { setUp } from './support/set-up.js'

describe('A1: scopes', () => {
  test.each([
    ['by_server', { server: 'x' }, { server: 'y' }],
    ['by_method', { method: 'tools/call' }, { method: 'tools/list' }],
    ['by_endpoint', { method: 'GET', url: '/a' }, { method: 'POST', url: '/a' }],
    ['by_session', { session: 'x' }, { session: 'y' }],
    ['by_address', { address: '192.0.2.1' }, { address: '2001:db8::1' }],
  ])(
    '%s: exhausting one leaves another untouched, and what is not known shares one place',
    async (name, x, y) => {
      const { passes } = setUp({ [name]: '1/m' })
      expect(await passes(x)).toBe(true)
      expect(await passes(x)).toBe(false)
      expect(await passes(y)).toBe(true)
      expect(await passes({ user: 'ada' })).toBe(true)
      expect(await passes({ user: 'bob' })).toBe(false)
    },
  )

  test.each([
    ['Global', { server: 'x' }, { server: 'y' }, false],
    ['PerServer', { server: 'x' }, { server: 'y' }, true],
    ['PerMethod', { method: 'x' }, { method: 'y' }, true],
    ['PerEndpoint', { url: 'x' }, { url: 'y' }, true],
    ['PerSession', { session: 'x' }, { session: 'y' }, true],
    ['PerTool', { tool: 'x' }, { tool: 'y' }, true],
  ] as const)('%s counts what it names', async (scope, x, y, apart) => {
    const { passes } = setUp({ custom: [{ name: 'mine', scope, limit: '1/m' }] })
    expect(await passes(x)).toBe(true)
    expect(await passes(x)).toBe(false)
    expect(await passes(y)).toBe(apart)
  })

  test('a function that throws or names nothing counts as default, and that is told', async () => {
    const told: string[] = []
    const scope = (call: unknown) =>
      (call as { user?: string }).user?.toUpperCase() ??
      (() => {
        throw new Error('no user')
      })()
    const { limits, passes } = setUp({
      custom: [{ name: 'shouted', scope, limit: '1/m' }],
      onFallback: (dimension, error) => told.push(`${dimension}: ${error}`),
    })
    expect(await passes({ user: 'ada' })).toBe(true)
    expect(await passes({ user: 'Ada' })).toBe(false)
    expect(await passes({})).toBe(true)
    expect(await passes({})).toBe(false)
    expect(told).toEqual(['shouted: Error: no user', 'shouted: Error: no user'])
    expect(limits.fallbacks).toBe(2)
  })

  test.each([
    ['10 kB', 'k'.repeat(10_000), `${'k'.repeat(9_999)}l`],
    ['unicode', 'größe-🦊', 'größe-🐻'],
    ['braces of hash tags', '{a}', '{b}'],
    ['signs of keys', 'a:b%{}*', 'a:b%25{}*'],
    ['control bytes', 'a\u0000b', 'a\u0001b'],
  ])('keys of %s stay apart, in every dimension', async (_, x, y) => {
    const { passes } = setUp({
      by_user: '1/m',
      by_tool: { '*': '1/m' },
      by_session: '1/m',
      by_address: '1/m',
    })
    const request = (name: string) => ({ user: name, tool: name, session: name, address: name })
    expect(await passes(request(x))).toBe(true)
    expect(await passes(request(x))).toBe(false)
    expect(await passes(request(y))).toBe(true)
  })
})
