import { describe, expect, it } from 'vitest'
import * as errors from '../../src/errors.js'

const { ImpossibleCostError, isSluiceError, PolicyError, ReceiptError, SubjectError } = errors

describe('errors', () => {
  it('have a name and a stable code', () => {
    const error = new ReceiptError('broken')
    expect(error).toMatchObject({ name: 'ReceiptError', code: 'ERR_SLUICE_RECEIPT', message: 'broken' })
    expect(error).toBeInstanceOf(errors.SluiceError)
    expect(error).toBeInstanceOf(Error)
  })

  it('keep what made them fail', () => {
    const cause = new Error('socket closed')
    expect(new errors.StoreUnavailableError('gone', { cause }).cause).toBe(cause)
  })

  it('tell an impossible cost from a denial, with the way out', () => {
    const error = new ImpossibleCostError('api', 200, 100)
    expect(error).toMatchObject({ policy: 'api', cost: 200, capacity: 100 })
    expect(error.message).toBe(
      `policy 'api' can never admit a cost of 200: its capacity is 100; ` +
        `split the work into costs of at most 100, or raise the limit or burst of the policy`,
    )
  })

  it('list every problem of a configuration on a line of its own', () => {
    const one = { path: 'policies.a', value: 1, message: 'is wrong' }
    expect(new PolicyError([one]).message).toBe('policies.a: is wrong')
    expect(new PolicyError([one, one]).message).toBe(
      '2 problems:\n  policies.a: is wrong\n  policies.a: is wrong',
    )
  })
})

describe('isSluiceError', () => {
  it('narrows by code', () => {
    const error: unknown = new SubjectError('api', 'tenant', 'is missing')
    expect(isSluiceError(error)).toBe(true)
    expect(isSluiceError(error, 'ERR_SLUICE_RECEIPT')).toBe(false)
    if (!isSluiceError(error, 'ERR_SLUICE_SUBJECT')) throw new Error('the code is its own')
    expect(error.part).toBe('tenant')
  })

  it('knows errors of another copy of the package, where instanceof fails', () => {
    const ofAnotherCopy = Object.assign(new Error('is missing'), {
      code: 'ERR_SLUICE_SUBJECT',
      [Symbol.for('sluice.error')]: true,
    })
    expect(ofAnotherCopy).not.toBeInstanceOf(errors.SluiceError)
    expect(isSluiceError(ofAnotherCopy, 'ERR_SLUICE_SUBJECT')).toBe(true)
  })

  it.each([undefined, null, 'ERR_SLUICE_SUBJECT', new Error('other'), { code: 'ERR_SLUICE_SUBJECT' }])(
    'is not %j',
    value => {
      expect(isSluiceError(value)).toBe(false)
    },
  )
})
