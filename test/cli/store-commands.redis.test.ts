import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, describe, expect, inject, it, vi } from 'vitest'
import { createLimiter } from '../../src/limiter.js'
import { runHere } from './run-cli.js'

const store = inject('redisUrl')
const redis = new Redis(store)
vi.stubEnv('SLUICE_STORE', store)
const prefix = `cli-${randomUUID()}`
afterAll(() => redis.quit())

/** Runs a command on the counters of this file. */
const sluice = (...args: string[]) => runHere([...args, '--prefix', prefix])

const keys = async (): Promise<string[]> =>
  (await redis.keys(`${prefix}:*`)).filter(key => !key.endsWith(':meta'))

describe('asking about a subject', () => {
  const POLICY = ['--policy', 'per-user=3/h']

  it('takes until nothing is left, and then says no with 1', async () => {
    const first = await sluice('check', 'per-user', 'alice', ...POLICY)
    expect(first).toMatchObject({ code: 0, stderr: '' })
    expect(first.stdout).toMatch(
      /^allowed: alice by per-user\n {2}2 left of 3 per hour \(gcra\), unused in 20 min\n$/,
    )

    expect(await sluice('check', 'per-user', 'alice', '--cost', '2', ...POLICY)).toMatchObject({ code: 0 })

    const refused = await sluice('check', 'per-user', 'alice', ...POLICY)
    expect(refused.code).toBe(1)
    expect(refused.stdout).toMatch(
      /^refused: alice by per-user\n {2}0 left of 3 per hour \(gcra\), passes in (19|20) min/,
    )
  })

  it('looks without taking', async () => {
    for (let look = 0; look < 2; look++) {
      const { code, stdout } = await sluice('peek', 'per-user', 'bob', '--json', ...POLICY)
      expect(code).toBe(0)
      expect(JSON.parse(stdout)).toMatchObject({
        allowed: true,
        remaining: 3,
        policy: 'per-user',
        source: 'redis',
      })
    }
    expect(await keys()).not.toContainEqual(expect.stringContaining('bob'))
  })

  it('forgets a subject', async () => {
    await sluice('check', 'per-user', 'carol', '--cost', '3', ...POLICY)
    expect(await sluice('reset', 'per-user', 'carol', ...POLICY)).toEqual({
      code: 0,
      stdout: 'reset: carol by per-user\n',
      stderr: '',
    })
    expect(await sluice('check', 'per-user', 'carol', '--cost', '3', ...POLICY)).toMatchObject({ code: 0 })
    const { stdout } = await sluice('reset', 'per-user', 'carol', '--json', ...POLICY)
    expect(JSON.parse(stdout)).toEqual({ policy: 'per-user', subject: 'carol', reset: true })
  })

  it('takes a subject of several parts', async () => {
    const { code, stdout } = await sluice(
      'check',
      'api',
      'tenant=acme',
      'user=7',
      '--policy',
      'api=1/h@tenant+user',
    )
    expect({ code, stdout }).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('allowed: tenant=acme user=7 by api'),
    })
    expect(
      await sluice('check', 'api', 'user=7', 'tenant=acme', '--policy', 'api=1/h@tenant+user'),
    ).toMatchObject({ code: 1 })
  })

  it('ends with 3 at a key of somebody else, and leaves it', async () => {
    await sluice('check', 'per-user', 'dave', ...POLICY)
    const key = (await keys()).find(name => name.endsWith(':dave')) as string
    await redis.set(key, 'not a state')
    const { code, stderr } = await sluice('check', 'per-user', 'dave', ...POLICY)
    expect(code).toBe(3)
    expect(stderr).toContain('holds a value that is not a state')
    expect(await redis.get(key)).toBe('not a state')
  })
})

describe('inspecting a key', () => {
  async function keyAfterCheck(algorithm: string): Promise<string> {
    await sluice(
      'check',
      'looked',
      `by ${algorithm}`,
      '--policy',
      'looked=10/h',
      '--algorithm',
      algorithm,
      '--cost',
      '4',
    )
    return (await keys()).find(key => key.includes(`:${algorithm}:`) && key.includes('looked')) as string
  }

  it.each([
    ['gcra', /theoretical arrival time {2}20\d\d-.*Z, in 2[34] min/],
    ['token_bucket', /units in the bucket then {2}4\n/],
    ['leaky_bucket', /units in the bucket then {2}4\n/],
    ['fixed_window', /end +20\d\d-.*Z, in (59 min|1 h).*\nunits taken {2}4\n/],
    ['sliding_counter', /window +1 h\nunits in the window before {2}0\nunits in this window +4\n/],
    ['sliding_window', /entries in the log {2}1\nunits of these +4\n/],
  ])('tells a person what %s has counted', async (algorithm, state) => {
    const { code, stdout, stderr } = await runHere([
      'inspect',
      await keyAfterCheck(algorithm),
      '--store',
      store,
    ])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^policy +looked\n/)
    expect(stdout).toMatch(
      new RegExp(`\nsubject +by ${algorithm}\nalgorithm +${algorithm}\nprefix +${prefix}:\n`),
    )
    expect(stdout).toMatch(/\nshard +\w+, cluster slot \d+\nends +in \d+ (s|min|h)/)
    expect(stdout).toMatch(state)
  })

  it('tells a quota, leases and a block', async () => {
    await using limiter = createLimiter({
      store,
      prefix,
      policies: {
        monthly: { algorithm: 'quota', limit: 9, period: 'month' },
        held: { algorithm: 'concurrency', limit: 5 },
      },
    })
    await limiter.check('monthly', 'erin', { cost: 2 })
    await limiter.acquire('held', 'erin', { units: 3, autoRenew: false })
    await limiter.block('monthly', 'erin', { for: '2h' })
    await limiter.block('monthly', 'frank', { for: '2h' })

    const told = async (policy: string, subject: string): Promise<string> => {
      const key = (await keys()).find(
        name => name.includes(`:${policy}:`) && name.endsWith(`:${subject}`),
      ) as string
      return (await runHere(['inspect', key, '--store', store])).stdout
    }
    expect(await told('monthly', 'erin')).toMatch(
      /\nblocked until .*, in (1 h 59 min|2 h)\nstart .*T00:00:00.000Z, .*\nend .*\nunits taken {4}2\n$/,
    )
    expect(await told('monthly', 'frank')).toMatch(/\nblocked until .*, in (1 h 59 min|2 h)\n$/)
    expect(await told('held', 'erin')).toMatch(
      /\nunits held +3\nleases +1\nfirst lease ends .*, in (29|30) s\nlast lease ends /,
    )
  })

  it('tells a program the same', async () => {
    const key = await keyAfterCheck('fixed_window')
    const { stdout } = await runHere(['inspect', key, '--store', store, '--json'])
    const told = JSON.parse(stdout)
    expect(told).toMatchObject({
      key,
      exists: true,
      type: 'string',
      policy: 'looked',
      limitIndex: 0,
      algorithm: 'fixed_window',
      subject: [{ value: 'by fixed_window' }],
      blockedUntilUs: null,
      state: { count: expect.any(Number) },
    })
    expect(told.state.endUs - told.state.startUs).toBe(3_600_000_000)
    expect(told.ttlMs).toBeGreaterThan(0)
  })

  it('ends with 1 when there is no such key', async () => {
    const { code, stdout } = await runHere(['inspect', 'sl1:{e}:u:gcra:nobody%20here', '--store', store])
    expect(code).toBe(1)
    expect(stdout).toMatch(/subject +nobody here\n/)
    expect(stdout).toContain('there is no such key')
  })

  it('says what it finds where a state should be', async () => {
    const key = `${prefix}:sl1:{m9}:u:gcra:alice`
    await redis.set(key, 'elephant', 'EX', 60)
    expect((await runHere(['inspect', key, '--store', store])).stdout).toContain(
      'foreign: a string of 8 bytes, which is not a state of gcra',
    )
    await redis.del(key)
    await redis.lpush(key, 'elephant')
    const { stdout } = await runHere(['inspect', key, '--store', store])
    expect(stdout).toMatch(/ends +never\n/)
    expect(stdout).toContain('foreign: a list, which is not a state of gcra')
    await redis.del(key)
  })
})
