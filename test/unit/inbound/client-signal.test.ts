import { describe, expect, test, vi } from 'vitest'
import { createGatewayLimits, loadGatewayConfig } from '../../../src/inbound/index.js'
import { setUp } from './support/set-up.js'

describe('A8: what clients of a gateway are told', () => {
  test('the fields of HTTP, by the limit that decided', async () => {
    const { limits } = setUp({ by_user: '2/m', by_tool: { search: '1/m' } })
    const first = await limits.check({ user: 'ada', tool: 'search' })
    expect(limits.headersOf(first)).toMatchObject({
      'X-RateLimit-Limit': '1',
      'X-RateLimit-Remaining': '0',
    })
    const refused = limits.headersOf(await limits.check({ user: 'ada', tool: 'search' }))
    expect(refused).toMatchObject({ 'Retry-After': '60', 'X-RateLimit-Remaining': '0' })
    expect(JSON.stringify(refused)).not.toContain('ada')
  })

  test('none of what nothing limits, and none where they are not to be told', async () => {
    const { limits } = setUp({ by_tool: { search: '1/m' } })
    expect(limits.headersOf(await limits.check({ user: 'ada' }))).toEqual({})
    const silent = setUp({ by_user: '1/m', backpressure: { signal_client: false } }).limits
    await silent.check({ user: 'ada' })
    expect(silent.headersOf(await silent.check({ user: 'ada' }))).toEqual({})
  })

  test.each([
    ['X-Wait-Seconds', '60'],
    ['Retry-After', '60'],
    ['X-RateLimit-Reset', expect.stringMatching(/^\d{10}$/)],
  ])('a header of choice, in its unit: %s', async (backpressure_header, expected) => {
    const { limits } = setUp({ by_user: '1/m', headers: 'none', backpressure: { backpressure_header } })
    expect(limits.headersOf(await limits.check({ user: 'ada' }))).toEqual({})
    const refused = await limits.check({ user: 'ada' })
    expect(limits.headersOf(refused)).toEqual({ [backpressure_header]: expected })
  })

  test('A7: with wait_for_capacity a request waits, and is told that it had to', async () => {
    const { limits, clock } = setUp({
      by_user: '1/m',
      headers: 'none',
      backpressure: { wait_for_capacity: true, max_wait: '90s', backpressure_header: 'X-Held-Back' },
    })
    expect(limits.headersOf(await limits.check({ user: 'ada' }))).toEqual({})
    const waiting = limits.check({ user: 'ada' })
    const tooLate = await limits.check({ user: 'ada' })
    expect(tooLate.allowed).toBe(false)
    await clock.advance('60s')
    const waited = await waiting
    expect(waited.allowed).toBe(true)
    expect(limits.headersOf(waited)).toEqual({ 'X-Held-Back': '60' })
    expect(limits.limiter.metrics()).toMatchObject({ waitedRequests: 1, waitTimeMs: 60_000 })
  })

  test.each([
    [{ backpressure_header: 'X-Wait: 1\r\nSet-Cookie' }, /is not the name of a header field/],
    [{ backpressure_header: 'RateLimit' }, /holds more than a time/],
    [{ max_wait: '5s' } as const, /no effect without wait_for_capacity: true/],
    [{ wait_for_capacity: true, max_wait: 5 as never }, /5 is a number without a unit/],
    [{ signal_client: false, backpressure_header: 'X-Wait' }, /leave one out/],
    [{ waitForCapacity: true } as never, /did you mean 'wait_for_capacity'/],
  ])('what contradicts itself, or would be another header, is refused: %j', (backpressure, problem) => {
    expect(() => createGatewayLimits({ by_user: '1/m', backpressure })).toThrow(problem)
  })

  test('all of it may stand in a file', async () => {
    const config = loadGatewayConfig(`
by_address: 1/m
trustProxy: 10.0.0.0/8
ipv6Subnet: 64
headers: none
backpressure: { wait_for_capacity: true, max_wait: 1s, backpressure_header: X-Wait }
`)
    const { limits } = setUp(config)
    const request = { address: '10.0.0.1', forwardedFor: '2001:db8::1' }
    await limits.check(request)
    expect(limits.headersOf(await limits.check(request))).toEqual({ 'X-Wait': '60' })
  })
})

describe('A1: clients by their address', () => {
  test('of IPv6, a whole network is one client, as long as is said', async () => {
    const { passes } = setUp({ by_address: '1/m' })
    expect(await passes({ address: '2001:db8:0:1234::1' })).toBe(true)
    expect(await passes({ address: '2001:db8:0:12ff:ffff::2' })).toBe(false)
    expect(await passes({ address: '2001:db8:0:1300::1' })).toBe(true)
    const narrow = setUp({ by_address: '1/m', ipv6Subnet: 64 })
    expect(await narrow.passes({ address: '2001:db8:0:1234::1' })).toBe(true)
    expect(await narrow.passes({ address: '2001:db8:0:1234:5::1' })).toBe(false)
    expect(await narrow.passes({ address: '2001:db8:0:1235::1' })).toBe(true)
  })

  test('an address is one, however it is written', async () => {
    const { passes } = setUp({ by_address: '1/m' })
    expect(await passes({ address: '192.0.2.1' })).toBe(true)
    for (const address of ['::ffff:192.0.2.1', '192.0.2.1:4711', ' 192.0.2.1 ']) {
      expect(await passes({ address })).toBe(false)
    }
  })

  test('what a client writes into X-Forwarded-For is not believed, only what trusted proxies add', async () => {
    const { passes } = setUp({ by_address: '1/m', trustProxy: ['10.0.0.0/8'] })
    const through = (forwardedFor: string | readonly string[]) => ({ address: '10.0.0.1', forwardedFor })
    expect(await passes(through('192.0.2.1'))).toBe(true)
    expect(await passes(through('198.51.100.7, 192.0.2.1'))).toBe(false)
    expect(await passes(through(['198.51.100.7', '192.0.2.1']))).toBe(false)
    expect(await passes({ address: '192.0.2.1', forwardedFor: '198.51.100.8' })).toBe(false)
    expect(await passes(through('192.0.2.2, 10.0.0.9'))).toBe(true)
  })

  test('where no proxy is trusted the header is passed over, with one warning', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const { passes } = setUp({ by_address: '1/m' })
    expect(await passes({ address: '192.0.2.1', forwardedFor: '198.51.100.1' })).toBe(true)
    expect(await passes({ address: '192.0.2.1', forwardedFor: '198.51.100.2' })).toBe(false)
    expect(warn).toHaveBeenCalledOnce()
    expect(warn).toHaveBeenCalledWith(expect.stringContaining("give 'trustProxy'"), expect.anything())
    warn.mockRestore()
  })

  test.each([
    [{ trustProxy: true as never }, /true would believe/],
    [{ trustProxy: '0.0.0.0/0' }, /a network of all addresses/],
    [{ ipv6Subnet: 0 }, /0 is no length of an IPv6 prefix/],
    [{ headers: 'y' as never }, /'y' is unknown/],
  ])('what would let clients choose their address is refused: %j', (options, problem) => {
    expect(() => createGatewayLimits({ by_address: '1/m', ...options })).toThrow(problem)
  })
})
