import { describe, expect, it } from 'vitest'
import type { Receipt } from '../../../src/decision.js'
import type { Check, Engine, Outcome } from '../../../src/engine/engine.js'
import type { SyncLimiter } from '../../../src/limiter/types.js'
import { createLimiter } from '../../../src/limiter.js'
import { createTestLimiter } from '../../../src/testing/index.js'

const POLICIES = {
  perUser: { algorithm: 'fixed_window', limit: 5, window: '1m' },
  both: ['5/m', '50/h'],
  api: { limit: 10, window: '1m', by: ['tenant', 'user'] },
  jobs: { algorithm: 'concurrency', limit: 3 },
  monthly: { algorithm: 'quota', limit: 10, period: 'month' },
} as const

const setUp = () => createTestLimiter({ policies: POLICIES })

describe('a malformed call', () => {
  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '3', null, 2 ** 53])(
    'is refused for a cost of %s, by name',
    async cost => {
      const { limiter } = setUp()
      const refused = { code: 'ERR_SLUICE_CHECK' }
      expect(() => limiter.checkSync('perUser', 'ada', { cost: cost as number })).toThrow(
        /^the cost for policy 'perUser': .* is not a whole number of at least 1/,
      )
      await expect(limiter.check('both', 'ada', { cost: cost as number })).rejects.toMatchObject(refused)
      await expect(limiter.debit('perUser', 'ada', { cost: cost as number })).rejects.toMatchObject(refused)
      expect((await limiter.peek('perUser', 'ada')).remaining).toBe(5)
    },
  )

  it('is refused for a policy there is not, with the nearest', async () => {
    const { limiter } = setUp()
    const unknown = 'perUsr' as 'perUser'
    const message =
      "there is no policy 'perUsr'; policies are perUser, both, api, jobs, monthly; did you mean"
    expect(() => limiter.checkSync(unknown, 'ada')).toThrow(message)
    await expect(limiter.reset(unknown, 'ada')).rejects.toThrow(message)
    await expect(limiter.acquire(unknown, 'ada')).rejects.toThrow(message)
  })

  it('is refused for a subject that the policy does not count by', async () => {
    const { limiter } = setUp()
    await expect(limiter.check('api', 'ada' as never)).rejects.toThrow("policy 'api' counts by tenant, user")
    await expect(limiter.check('perUser', 5 as never)).rejects.toThrow('give a string, such as String(id)')
  })

  it('is refused for no checks, and for more than one request holds', async () => {
    const { limiter } = setUp()
    await expect(limiter.checkAll([])).rejects.toThrow('the list of checks is empty')
    const items = Array.from({ length: 9 }, () => ({ policy: 'both', subject: 'ada' }) as const)
    await expect(limiter.checkAll(items)).rejects.toThrow('18 checks in one request')
  })

  it('is refused for an override that cannot be', async () => {
    const { limiter } = setUp()
    await expect(limiter.check('perUser', 'ada', { limit: 0 })).rejects.toThrow(
      "override of policy 'perUser': limit",
    )
    await expect(limiter.check('perUser', 'ada', { burst: 5 })).rejects.toThrow("needs a 'limit' beside it")
    await expect(limiter.check('perUser', 'ada', { limit: 9, burst: 5 })).rejects.toThrow('has no burst')
    await expect(limiter.check('both', 'ada', { limit: 9 })).rejects.toThrow('has 2 limits')
  })
})

describe('a receipt', () => {
  it('is read with distrust', async () => {
    const { limiter } = setUp()
    const { receipt } = limiter.checkSync('perUser', 'ada')
    const [charge] = (receipt as Receipt).charges
    const refund = (value: unknown) => limiter.refund(value as Receipt)
    const forged = { code: 'ERR_SLUICE_RECEIPT' }
    await expect(refund(undefined)).rejects.toThrow('a decision that charged nothing has none')
    await expect(refund({})).rejects.toMatchObject(forged)
    await expect(refund({ charges: 5 })).rejects.toMatchObject(forged)
    await expect(refund({ charges: [{ ...charge, units: -5 }] })).rejects.toMatchObject(forged)
    await expect(refund({ charges: [{ ...charge, more: 1 }] })).rejects.toMatchObject(forged)
    await expect(refund({ charges: [{ ...charge, policy: 'gone' }] })).rejects.toThrow(
      "there is no limit by 'fixed_window' in a policy 'gone' any more",
    )
    expect((await limiter.peek('perUser', 'ada')).remaining).toBe(4)
  })

  it('gives back no more than was charged', async () => {
    const { limiter } = setUp()
    const { receipt } = limiter.checkSync('perUser', 'ada', { cost: 2 })
    const refund = (units: number) => limiter.refund(receipt as Receipt, { units })
    await expect(refund(3)).rejects.toThrow('3 is not a whole number from 1 to 2')
    expect((await refund(1)).remaining).toBe(4)
  })

  it('of a counter that an update took away gives nothing back to the new one', async () => {
    const { limiter } = setUp()
    const { receipt } = limiter.checkSync('perUser', 'ada', { cost: 2 })
    limiter.update({ ...POLICIES, perUser: '5/m' })
    limiter.checkSync('perUser', 'ada', { cost: 3 })
    await expect(limiter.refund(receipt as Receipt)).rejects.toMatchObject({ code: 'ERR_SLUICE_RECEIPT' })
    expect((await limiter.peek('perUser', 'ada')).remaining).toBe(2)
  })

  it('releases a lease, as a whole', async () => {
    const { limiter } = setUp()
    const { decision } = await limiter.acquire('jobs', 'tenant', { units: 2 })
    const receipt = decision.receipt as Receipt
    await expect(limiter.refund(receipt, { units: 1 })).rejects.toThrow('released as a whole')
    expect((await limiter.refund(receipt)).remaining).toBe(3)
  })
})

describe('checkSync', () => {
  it('answers as check does, whatever the policy', async () => {
    const { limiter } = setUp()
    const twin = setUp().limiter
    for (const cost of [1, 3, 3, 1]) {
      expect(limiter.checkSync('perUser', 'ada', { cost }).toJSON()).toEqual(
        (await twin.check('perUser', 'ada', { cost })).toJSON(),
      )
      expect(limiter.checkSync('both', 'ada', { cost }).toJSON()).toEqual(
        (await twin.check('both', 'ada', { cost })).toJSON(),
      )
    }
    expect(limiter.checkSync('perUser', 'bob', { limit: 9 })).toMatchObject({ limit: 9, remaining: 8 })
    expect(() => limiter.checkSync('jobs', 'ada')).toThrow('call acquire')
  })

  it('computes the calendar of a quota anew', async () => {
    const { limiter, clock } = setUp()
    limiter.checkSync('monthly', 'ada', { cost: 10 })
    await clock.advance('100d')
    expect(limiter.checkSync('monthly', 'ada')).toMatchObject({ allowed: true, remaining: 9 })
  })

  it('throws after the limiter was closed', async () => {
    const { limiter } = setUp()
    await limiter.close()
    expect(() => limiter.checkSync('perUser', 'ada')).toThrow('the limiter was closed')
  })
})

describe('checkAllSync', () => {
  const items = [
    { policy: 'perUser', subject: 'ada', cost: 3 },
    { policy: 'both', subject: 'ada' },
  ] as const

  it('answers as checkAll does, a refusal included', async () => {
    const { limiter } = setUp()
    const twin = setUp().limiter
    const answers = [limiter.checkAllSync(items), limiter.checkAllSync(items)]
    expect(answers.map(({ allowed }) => allowed)).toEqual([true, false])
    for (const answer of answers) expect(answer.toJSON()).toEqual((await twin.checkAll(items)).toJSON())
    expect(limiter.metrics()).toEqual(twin.metrics())
  })

  it('throws what checkAll rejects with', async () => {
    const { limiter } = setUp()
    expect(() => limiter.checkAllSync([])).toThrow('the list of checks is empty')
    expect(() => limiter.checkAllSync([{ policy: 'perUser', subject: '' }])).toThrow('is empty')
    expect(limiter.metrics().failedRequests).toBe(2)
  })

  it('is refused by a store that has to be asked over a connection', async () => {
    const limiter = createLimiter({ store: new ScriptedEngine(), policies: POLICIES }) as SyncLimiter
    expect(() => limiter.checkAllSync(items)).toThrow(
      "checkAllSync: the store 'scripted' has to be asked over a connection; call checkAll",
    )
    await limiter.close()
  })
})

/** Answers what it is told to. */
class ScriptedEngine implements Engine {
  readonly source = 'scripted'
  readonly asked: (readonly Check[])[] = []
  readonly #outcomes: Outcome[]

  constructor(...outcomes: Outcome[]) {
    this.#outcomes = outcomes
  }

  async decide(request: readonly Check[]): Promise<Outcome> {
    this.asked.push(request)
    return this.#outcomes.shift() as Outcome
  }

  async ready() {}
  async close() {}
}

const saying = (status: number, nowUs = Date.UTC(2026, 0, 1) * 1000): Outcome => ({
  nowUs,
  checks: [{ status: status as 0, granted: 0, remaining: 0, waitUs: 0, resetUs: 0 }],
})

describe('what an engine says', () => {
  const limiterOn = (engine: Engine) => createLimiter({ store: engine, policies: POLICIES })

  it.each([
    [-2, 'ERR_SLUICE_WRONG_TYPE', /key 'sl1:\{\w+\}:perUser:fixed_window:ada' holds a value of another type/],
    [-3, 'ERR_SLUICE_FOREIGN_VALUE', /key 'sl1:\{\w+\}:perUser:fixed_window:ada' holds a value that is not/],
    [-5, 'ERR_SLUICE_CHECK', /'fixed_window' does not take this operation/],
    [-9, 'ERR_SLUICE_PROTOCOL', /unknown status -9/],
  ])('of status %d becomes %s', async (status, code, message) => {
    const answer = limiterOn(new ScriptedEngine(saying(status))).check('perUser', 'ada')
    await expect(answer).rejects.toMatchObject({ code })
    await expect(answer).rejects.toThrow(message)
  })

  it('of a stale plan is asked once more with the calendar of that instant, and then believed', async () => {
    const later = Date.UTC(2030, 5, 15) * 1000
    const engine = new ScriptedEngine(
      saying(-4, later),
      saying(1, later),
      saying(-4, later),
      saying(-4, later),
    )
    const limiter = limiterOn(engine)
    expect((await limiter.check('monthly', 'ada')).allowed).toBe(true)
    expect(engine.asked[1]?.[0]?.plan).toMatchObject({ period0Us: Date.UTC(2030, 5, 1) * 1000 })
    await expect(limiter.check('monthly', 'ada')).rejects.toMatchObject({ code: 'ERR_SLUICE_STALE_PLAN' })
  })

  it('of another number of checks than were asked is no decision', async () => {
    const answer = limiterOn(new ScriptedEngine({ nowUs: 1, checks: [] })).check('perUser', 'ada')
    await expect(answer).rejects.toMatchObject({ code: 'ERR_SLUICE_PROTOCOL' })
  })

  it('is not read by checkSync, which it cannot answer', () => {
    const limiter = limiterOn(new ScriptedEngine()) as ReturnType<typeof createTestLimiter>['limiter']
    expect(() => limiter.checkSync('perUser', 'ada')).toThrow(
      "checkSync: the store 'scripted' has to be asked over a connection",
    )
  })
})

it('a server that refuses connections makes this process decide, and a reset fail', async () => {
  const limiter = createLimiter({ store: 'redis://127.0.0.1:1', policies: POLICIES })
  const heard: unknown[] = []
  limiter.on('error', ({ call, error }) => heard.push([call, error]))
  limiter.on('storeDown', ({ error }) => heard.push(['storeDown', error]))
  expect(await limiter.check('perUser', 'ada')).toMatchObject({ allowed: true, source: 'fallback' })
  await expect(limiter.reset('perUser', 'ada')).rejects.toMatchObject({
    code: 'ERR_SLUICE_STORE_UNAVAILABLE',
  })
  expect(heard).toMatchObject([
    ['storeDown', { code: 'ERR_SLUICE_STORE_UNAVAILABLE' }],
    ['reset', { code: 'ERR_SLUICE_STORE_UNAVAILABLE' }],
  ])
  await limiter.close()
})
