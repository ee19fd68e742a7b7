import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Store } from '../../../src/engine/engine-options.js'
import { chooseNative, isFasterNatively, nativeModeOf } from '../../../src/engine/native-choice.js'
import { openEngine } from '../../../src/engine/open-engine.js'
import { NativeError, OptionError, PolicyError } from '../../../src/errors.js'
import { createLimiter } from '../../../src/limiter.js'
import { withoutNative } from '../../support/native.js'
import { limitOf, MINUTE_US, perYear } from './limits.js'

const LEASES = [limitOf('leases', { algorithm: 'concurrency', limit: 5, leaseUs: MINUTE_US })]
const JOBS = { jobs: { algorithm: 'concurrency', limit: 2, lease: '30s' } } as const
const PER_USER = { perUser: '100/m' } as const

beforeEach(() => vi.stubEnv('SLUICE_NATIVE', undefined))
afterEach(() => vi.unstubAllEnvs())

describe('which mode holds', () => {
  test('is auto, unless the option says otherwise, and the environment stands above both', () => {
    expect(nativeModeOf(undefined)).toBe('auto')
    expect(nativeModeOf('require')).toBe('require')
    vi.stubEnv('SLUICE_NATIVE', 'never')
    expect(nativeModeOf('require')).toBe('never')
    vi.stubEnv('SLUICE_NATIVE', '')
    expect(nativeModeOf('require')).toBe('require')
  })

  test('is none that is misspelt, in the environment or the options', () => {
    vi.stubEnv('SLUICE_NATIVE', 'requier')
    expect(() => nativeModeOf(undefined)).toThrow(
      new OptionError(
        "SLUICE_NATIVE: 'requier' is unknown; accepted are auto, never, require; did you mean 'require'?",
      ),
    )
    vi.stubEnv('SLUICE_NATIVE', undefined)
    // @ts-expect-error a mode that does not exist
    const misspelt = () => createLimiter({ policies: PER_USER, native: 'allways' })
    expect(misspelt).toThrow(PolicyError)
    expect(misspelt).toThrow(/^native: 'allways' is unknown/)
  })
})

describe('without a module', () => {
  const missing = () => ({ problem: 'there is no native module for this platform' })

  test('auto lets TypeScript decide, and tells so once in a process', () => {
    const told: string[] = []
    const choose = () => chooseNative('auto', true, message => told.push(message), missing)
    expect([choose(), choose()]).toEqual([undefined, undefined])
    expect(told).toHaveLength(1)
    expect(told[0]).toMatch(/there is no native module for this platform\. TypeScript decides instead/)
  })

  test('auto does not even look where TypeScript is faster, and never looks nowhere', () => {
    const look = vi.fn(missing)
    expect(chooseNative('auto', false, expect.unreachable, look)).toBeUndefined()
    expect(chooseNative('never', true, expect.unreachable, look)).toBeUndefined()
    expect(look).not.toHaveBeenCalled()
  })

  test('require fails with the reason', () => {
    const choose = () => chooseNative('require', false, expect.unreachable, missing)
    expect(choose).toThrow(NativeError)
    expect(choose).toThrow('there is no native module for this platform')
  })
})

test('leases alone are what is faster natively whatever the traffic', () => {
  expect(isFasterNatively(LEASES)).toBe(true)
  expect(isFasterNatively([...LEASES, perYear])).toBe(false)
  expect(isFasterNatively([])).toBe(false)
})

test.each([
  ['a file', 'file:/nowhere/limits', "of all stores only 'memory' and those on Redis have one"],
  ['Sentinels', 'redis+sentinel://127.0.0.1:1/primary', 'it knows no Sentinels'],
  ['a client of the user', new Redis({ lazyConnect: true }), 'a client of yours; give it the address'],
  ['functions', { url: 'redis://127.0.0.1:1', scripts: 'functions' }, "let scripts be 'evalsha'"],
  ['an encrypted key', { url: 'rediss://127.0.0.1:1', tls: { passphrase: 'x' } }, 'without a passphrase'],
  ['another name', { url: 'rediss://127.0.0.1:1', tls: { servername: 'x' } }, 'leave out tls.servername'],
] satisfies [string, Store, string][])('there is none to require for %s', (_name, store, reason) => {
  const open = () => openEngine({ store, native: 'require' })
  expect(open).toThrow(NativeError)
  expect(open).toThrow(reason)
  expect(open).toThrow("otherwise let native be 'auto'")
})

describe.skipIf(withoutNative !== undefined)('with a module', () => {
  test('a limiter decides natively where it has to, and says so', async () => {
    const limiter = createLimiter({ policies: PER_USER, native: 'require' })
    expect(limiter.checkSync('perUser', 'ada')).toMatchObject({ source: 'native', remaining: 99 })
    expect(await limiter.check('perUser', 'ada')).toMatchObject({ source: 'native', remaining: 98 })
    await limiter.close()
  })

  test('auto decides leases natively, and the rest in TypeScript', async () => {
    const sourceOf = async (limiter: ReturnType<typeof createLimiter>, policy: string) => {
      const { source } = await limiter.peek(policy, 'ada')
      await limiter.close()
      return source
    }
    expect(await sourceOf(createLimiter({ policies: JOBS }), 'jobs')).toBe('native')
    expect(await sourceOf(createLimiter({ policies: JOBS, native: 'never' }), 'jobs')).toBe('memory')
    expect(await sourceOf(createLimiter({ policies: PER_USER }), 'perUser')).toBe('memory')
  })
})
