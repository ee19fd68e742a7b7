import { Redis } from 'ioredis'
import { describe, expectTypeOf, it } from 'vitest'
import type { Engine } from '../../../src/engine/engine.js'
import { MemoryEngine } from '../../../src/engine/memory-engine.js'
import {
  type Acquisition,
  createLimiter,
  type Decision,
  type Lease,
  type Limiter,
  type RefusedLease,
  type SyncLimiter,
} from '../../../src/index.js'

/** Checked by the compiler; nothing here is called. */
const policies = {
  perUser: '100/m',
  login: { limit: 5, window: '15m', by: 'email' },
  api: { limits: ['10/s', '1000/h'], by: ['tenant', 'user'], group: 'tenant' },
} as const

const inMemory = () => createLimiter({ policies })
const onRedis = () => createLimiter({ store: 'redis://localhost', policies })

describe('the types of a limiter', () => {
  it('know the policies by name', () => {
    type Name = Parameters<ReturnType<typeof inMemory>['check']>[0]
    expectTypeOf<Name>().toEqualTypeOf<'perUser' | 'login' | 'api'>()
    // @ts-expect-error there is no such policy
    ;(limiter: ReturnType<typeof inMemory>) => limiter.check('perUsr', 'ada')
  })

  it('know the parts of a subject, where a policy names them', () => {
    const calls = (limiter: ReturnType<typeof inMemory>) => [
      limiter.check('perUser', 'ada'),
      limiter.check('perUser', { tenant: 'acme', user: 'ada' }),
      limiter.check('login', 'ada@example.org'),
      limiter.check('login', { email: 'ada@example.org' }),
      limiter.check('api', { tenant: 'acme', user: 'ada' }),
      limiter.checkAll([
        { policy: 'perUser', subject: 'ada' },
        { policy: 'api', subject: { tenant: 'acme', user: 'ada' }, cost: 2 },
      ]),
      // @ts-expect-error this policy counts by two parts
      limiter.check('api', 'ada'),
      // @ts-expect-error a part is missing
      limiter.check('api', { tenant: 'acme' }),
      // @ts-expect-error the subject is that of another policy
      limiter.checkAll([{ policy: 'api', subject: 'ada' }]),
    ]
    expectTypeOf(calls).returns.toEqualTypeOf<Promise<Decision>[]>()
  })

  it('have checkSync where the store is in this process, and only there', () => {
    expectTypeOf(inMemory).returns.toEqualTypeOf<SyncLimiter<typeof policies>>()
    const others = () => [
      onRedis(),
      createLimiter({ store: new Redis({ lazyConnect: true }), policies }),
      createLimiter({ store: new MemoryEngine() as Engine, policies }),
      createLimiter({ store: 'elsewhere' as string, policies }),
    ]
    expectTypeOf(others).returns.toEqualTypeOf<Limiter<typeof policies>[]>()
    // @ts-expect-error a server has to be asked over a connection
    ;() => onRedis().checkSync('perUser', 'ada')
    // @ts-expect-error the same
    ;() => onRedis().checkAllSync([{ policy: 'perUser', subject: 'ada' }])
    expectTypeOf(() => createLimiter({ store: 'memory', policies }).checkSync).returns.toBeFunction()
    expectTypeOf(
      () => createLimiter({ store: new MemoryEngine(), policies }).checkSync,
    ).returns.toBeFunction()
  })

  it('take a limiter of any policies where the policies do not matter', () => {
    const use = (limiter: Limiter) => limiter.check('anything', 'ada')
    const pass = (limiter: ReturnType<typeof inMemory>) => use(limiter)
    expectTypeOf(pass).returns.resolves.toEqualTypeOf<Decision>()
  })

  it('tell a lease from a refusal by acquired', () => {
    const of = (acquisition: Acquisition) => (acquisition.acquired ? acquisition : undefined)
    expectTypeOf(of).returns.toEqualTypeOf<Lease | undefined>()
    expectTypeOf<Acquisition['acquired']>().toEqualTypeOf<boolean>()
    expectTypeOf<RefusedLease['acquired']>().toEqualTypeOf<false>()
  })

  it('refuse what makes no sense in a policy', () => {
    // @ts-expect-error a window has a unit
    ;() => createLimiter({ policies: { perUser: { limit: 5, window: 60 } } })
    // @ts-expect-error an update keeps the names that callers use
    ;() => inMemory().update({ perUser: '5/m' })
  })
})
