import { describe, expect, test } from 'vitest'
import { createGatewayLimits, type GatewayConfig, loadGatewayConfig } from '../../../src/inbound/index.js'
import { FakeClock } from '../../../src/testing/index.js'
import { makeCertificates } from '../../support/tls-certificates.js'

const REDIS = 'redis://:secret@localhost:6390/0'

const problemOf = (file: object | string): string => {
  try {
    loadGatewayConfig(file)
  } catch (error) {
    return (error as Error).message
  }
  return 'accepted'
}

/** The limits of a configuration as a request meets them. */
async function limitsOf(config: GatewayConfig, request: object) {
  await using limits = createGatewayLimits({ ...config, clock: new FakeClock() })
  const { dimensions } = await limits.check(request)
  return dimensions.map(({ policy, limit, windowMs, algorithm }) => [policy, limit, windowMs, algorithm])
}

async function certificates() {
  const made = await makeCertificates()
  return { ...made, [Symbol.asyncDispose]: () => made.remove() }
}

describe('the configuration of the gateway that is taken over', () => {
  test('loads from YAML, with every value that it had', async () => {
    const config = loadGatewayConfig(`
      # as it stands in the gateway
      by_user: "30/m"
      by_user_per_server: 5 / Second
      by_tenant: 3000/HOUR
      by_tool:
        " Search ": 10/min
        404: 1/s
      algorithm: " Sliding_Window "
      backend: memory
    `)
    const request = { user: 'ada', server: 's', tenant: 'acme', tool: 'search' }
    expect(await limitsOf(config, request)).toEqual([
      ['by_user', 30, 60_000, 'sliding_window'],
      ['by_user_per_server', 5, 1000, 'sliding_window'],
      ['by_tenant', 3000, 3_600_000, 'sliding_window'],
      ['by_tool.search', 10, 60_000, 'sliding_window'],
    ])
    expect(await limitsOf(config, { ...request, tool: '404' })).toContainEqual([
      'by_tool.404',
      1,
      1000,
      'sliding_window',
    ])
  })

  test('loads from JSON and from an object alike', () => {
    const file = {
      by_user: '30/m',
      backend: 'redis',
      redis_url: REDIS,
      redis_key_prefix: 'mcp',
      fail_mode: 'closed',
    }
    expect(loadGatewayConfig(JSON.stringify(file))).toEqual(loadGatewayConfig(file))
    expect(loadGatewayConfig(file)).toEqual({
      by_user: '30/m',
      algorithm: 'fixed_window',
      store: REDIS,
      prefix: 'mcp',
      onStoreFailure: 'closed',
    })
  })

  test.each([
    ['60/min', 60, 60_000],
    ['60/ MINUTE', 60, 60_000],
    ['060/M', 60, 60_000],
    [' +60 / m ', 60, 60_000],
    ['1000000/m', 1_000_000, 60_000],
    ['100000/h', 100_000, 3_600_000],
    ['1/hr', 1, 3_600_000],
    ['7/sec', 7, 1000],
    ['10/30s', 10, 30_000],
  ])('the rate %j is %i in %i ms', async (by_user, limit, windowMs) => {
    expect(await limitsOf(loadGatewayConfig({ by_user }), { user: 'ada' })).toEqual([
      ['by_user', limit, windowMs, 'fixed_window'],
    ])
  })

  test.each([
    [undefined, 'fixed_window'],
    ['fixed_window', 'fixed_window'],
    ['TOKEN_BUCKET', 'token_bucket'],
    [' sliding_window', 'sliding_window'],
  ])('algorithm %j decides by %s', (algorithm, used) => {
    expect(loadGatewayConfig({ by_user: '1/s', ...(algorithm && { algorithm }) }).algorithm).toBe(used)
  })

  test.each([
    [undefined, 'open'],
    [null, 'open'],
    ['', 'open'],
    [' Open ', 'open'],
    ['CLOSED', 'closed'],
    ['local', 'local'],
  ])('fail_mode %j is onStoreFailure %s', (fail_mode, onStoreFailure) => {
    const file = {
      by_user: '1/s',
      backend: 'redis',
      redis_url: REDIS,
      ...(fail_mode !== undefined && { fail_mode }),
    }
    expect(loadGatewayConfig(file)).toMatchObject({ onStoreFailure, prefix: 'rl' })
  })

  test('A10: a prefix stands before our own layout as it is written, and an empty one is none', () => {
    const prefixOf = (redis_key_prefix: string) =>
      loadGatewayConfig({ by_user: '1/s', backend: 'redis', redis_url: REDIS, redis_key_prefix }).prefix
    expect(prefixOf('mcp:rate_limit:')).toBe('mcp:rate_limit:')
    expect(prefixOf('')).toBe('')
  })

  test('what says of Redis no more than its defaults may stand beside the memory', () => {
    const file = {
      by_user: '60/m',
      by_tenant: null,
      by_tool: {},
      backend: 'memory',
      redis_url: null,
      redis_key_prefix: 'rl',
      fail_mode: 'open',
      redis_ssl_check_hostname: true,
    }
    expect(loadGatewayConfig(file)).toMatchObject({ store: 'memory', by_user: '60/m' })
  })

  test('what a file can hold of ours may stand in it', async () => {
    const config = loadGatewayConfig(`
      by_address: 100/m
      missing_user: { limit: 5/m }
      by_user: { strategy: TokenBucket, capacity: 10, refill_rate: 2 }
      custom: [{ name: perMethod, scope: PerMethod, limit: 10/day }]
    `)
    expect(await limitsOf(config, { user: 'ada' })).toEqual([
      ['by_user', 2, 1000, 'token_bucket'],
      ['by_address', 100, 60_000, 'fixed_window'],
      ['perMethod', 10, 86_400_000, 'fixed_window'],
    ])
  })
})

describe('what that gateway passes over in silence is an error that names it', () => {
  const redis = { by_user: '1/s', backend: 'redis', redis_url: REDIS }
  test.each([
    [
      'a number for a limit',
      { by_user: 60 },
      "by_user: 60 is a number without a window; write a rate, such as '60/m'",
    ],
    ['a number for a tenant', { by_tenant: 60 }, 'by_tenant: 60 is a number'],
    ['a list for the tools', { by_tool: ['search'] }, 'by_tool: a list is not an object of limits by tool'],
    ['one bad tool', { by_tool: { search: 10, other: '1/s' } }, 'by_tool.search: 10 is a number'],
    ['a bad rate of a tool', { by_tool: { search: 'bad' } }, "by_tool.search: 'bad' is not a rate"],
    [
      'a tool that is there twice',
      { by_tool: { Search: '1/s', 'search ': '2/s' } },
      "by_tool['search ']: is the same tool as 'Search'",
    ],
    ['no limit at all', {}, 'sets no limit'],
    ['nothing', { by_user: '0/m' }, "by_user: '0/m' would admit nothing"],
    ['no unit', { by_user: '60/' }, "by_user: '60/' is not a rate"],
    ['a rate above the ceiling', { by_user: '1000001/m' }, "by_user: '1000001/m' is above 1000000"],
    [
      'an unknown algorithm',
      { by_user: '1/s', algorithm: 'fixed' },
      "algorithm: 'fixed' is unknown; accepted are",
    ],
    ['an algorithm that is no text', { by_user: '1/s', algorithm: 1 }, 'algorithm: 1 is unknown'],
    ['a backend in another case', { by_user: '1/s', backend: 'Redis' }, "backend: 'Redis' is unknown"],
    ['a backend that is no text', { by_user: '1/s', backend: true }, 'backend: true is unknown'],
    ['no URL', { by_user: '1/s', backend: 'redis' }, 'redis_url: is missing'],
    ['an empty URL', { ...redis, redis_url: '' }, 'redis_url: is missing'],
    ['a URL of another kind', { ...redis, redis_url: 'http://x' }, 'redis_url: '],
    ['a prefix that steers slots', { ...redis, redis_key_prefix: '{x}' }, 'redis_key_prefix: '],
    ['a slip in fail_mode', { ...redis, fail_mode: 'close' }, "fail_mode: 'close' is unknown"],
    ['a fail_mode that is no text', { ...redis, fail_mode: false }, 'fail_mode: false is unknown'],
    ['an unknown option', { by_user: '1/s', by_usr: '1/s' }, 'by_usr: is not an option of it'],
    ['redis_fallback', { ...redis, redis_fallback: true }, 'redis_fallback: has no effect'],
    [
      'a URL beside the memory',
      { by_user: '1/s', redis_url: REDIS },
      "redis_url: has no effect with the backend 'memory'",
    ],
    ['fail_mode beside the memory', { by_user: '1/s', fail_mode: 'closed' }, 'fail_mode: has no effect'],
    [
      'TLS without TLS',
      { ...redis, redis_ssl_ca_certs: '/ca.pem' },
      'redis_ssl_ca_certs: needs a redis_url that begins with rediss://',
    ],
    [
      'TLS unchecked without TLS',
      { ...redis, redis_ssl_check_hostname: false },
      'redis_ssl_check_hostname: needs',
    ],
    [
      'TLS as a text',
      { ...redis, redis_ssl_check_hostname: 'false' },
      "redis_ssl_check_hostname: 'false' is not true or false",
    ],
    [
      'the whole gateway',
      { plugins: [] },
      "plugins: holds the whole gateway; give what stands under 'config'",
    ],
  ])('%s', (_, file, message) => {
    expect(problemOf(file)).toContain(message)
    expect(problemOf(file)).not.toContain('secret')
  })

  const tls = { ...redis, redis_url: 'rediss://localhost:6390/0' }
  test.each([
    [
      'a certificate without a key',
      { ...tls, redis_ssl_certfile: '/c.pem' },
      'redis_ssl_keyfile: is missing',
    ],
    [
      'a key without a certificate',
      { ...tls, redis_ssl_keyfile: '/k.pem' },
      'redis_ssl_certfile: is missing',
    ],
    [
      'a file that is not there',
      { ...tls, redis_ssl_ca_certs: '/none/ca.pem' },
      "redis_ssl_ca_certs: '/none/ca.pem' cannot be read (ENOENT)",
    ],
    [
      'a file without a certificate',
      { ...tls, redis_ssl_ca_certs: 'package.json' },
      "redis_ssl_ca_certs: 'package.json' holds no certificate in PEM",
    ],
    [
      'what a template makes of nothing',
      { ...tls, redis_ssl_ca_certs: '' },
      "redis_ssl_ca_certs: '' is not the path of a file",
    ],
    [
      'an authority that nobody asks',
      { ...tls, redis_ssl_ca_certs: '/ca.pem', redis_ssl_check_hostname: false },
      'redis_ssl_ca_certs: has no effect',
    ],
  ])('%s', (_, file, message) => {
    expect(problemOf(file)).toContain(message)
  })

  test('TLS that checks nothing is said to the store', () => {
    expect(loadGatewayConfig({ ...tls, redis_ssl_check_hostname: false })).toMatchObject({
      store: { url: 'rediss://localhost:6390/0', tls: { rejectUnauthorized: false } },
    })
  })

  test('the files of TLS are read once, and given to the store', async () => {
    await using made = await certificates()
    const { ca, clientCert, clientKey } = made.paths
    const file = {
      ...tls,
      redis_ssl_ca_certs: ca,
      redis_ssl_certfile: clientCert,
      redis_ssl_keyfile: clientKey,
    }
    expect(loadGatewayConfig(file)).toMatchObject({
      store: {
        tls: {
          ca: Buffer.from(made.ca),
          cert: Buffer.from(made.clientCert),
          key: Buffer.from(made.clientKey),
        },
      },
    })
    expect(problemOf({ ...file, redis_ssl_keyfile: ca })).toContain('holds no private key in PEM')
  })

  test('all of it in one report', () => {
    const problems = problemOf({
      by_user: 60,
      by_tool: { a: 1, b: 2 },
      fail_mode: 'opne',
      backend: 'redis',
      x: 1,
    })
    for (const name of ['by_user', 'by_tool.a', 'by_tool.b', 'fail_mode', 'x']) {
      expect(problems).toMatch(new RegExp(`^ *${name}: `, 'm'))
    }
  })

  test.each([
    ['a key that is there twice', 'by_user: 1/s\nby_user: 2/s\n'],
    ['text that is no YAML', 'by_user: [1/s'],
    ['a list', '- by_user'],
    ['nothing', ''],
    [
      'references that grow without end',
      `a: &a [x,x]\nb: &b [*a,*a]\n${Array.from({ length: 120 }, (_, i) => `c${i}: [*b,*b]`).join('\n')}`,
    ],
  ])('%s', (_, text) => {
    expect(() => loadGatewayConfig(text)).toThrow(expect.objectContaining({ code: 'ERR_SLUICE_POLICY' }))
  })
})
