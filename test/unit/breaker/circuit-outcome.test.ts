import { describe, expect, test } from 'vitest'
import { createBreaker, type TriggerErrors } from '../../../src/breaker/index.js'
import { BreakerOpenError, StoreUnavailableError } from '../../../src/errors.js'
import { createLimiter } from '../../../src/limiter.js'
import { FakeClock } from '../../../src/testing/fake-clock.js'
import { breakerOf } from './breaker-harness.js'

/** What a breaker makes of a call that throws or returns this. */
async function outcomeOf(
  ended: { readonly throws: unknown } | { readonly returns: unknown },
  triggers?: TriggerErrors,
) {
  const breaker = createBreaker({ clock: new FakeClock(), triggerErrors: triggers })
  const call = () => ('throws' in ended ? Promise.reject(ended.throws) : Promise.resolve(ended.returns))
  await breaker.run('api', call).catch(() => {})
  const { failedRequests, successfulRequests } = breaker.metrics()
  return failedRequests === 1 ? 'failure' : successfulRequests === 1 ? 'success' : 'ignore'
}

const error = (fields: object) => Object.assign(new Error('no'), fields)
const named = (name: string) => error({ name })
const rpc = (code: number, data?: object) => ({ jsonrpc: '2.0', id: 1, error: { code, message: 'no', data } })

/** Only a promise may look at it. */
const shy = new Proxy(
  {},
  {
    get: (_, name) => {
      if (name !== 'then') throw new Error('hands off')
    },
  },
)

describe('B3: by default', () => {
  test.each([
    ['an error', { throws: new Error('connect ECONNREFUSED') }],
    ['something thrown that is no error', { throws: 'boom' }],
    ['an error of a status from 500', { throws: error({ status: 503 }) }],
    ['an error whose response has such a status', { throws: error({ response: { status: 502 } }) }],
    ['a response of such a status', { returns: new Response('', { status: 500 }) }],
    ['an error response of JSON-RPC', { returns: rpc(-32603) }],
    ['an error of JSON-RPC that is thrown', { throws: error({ code: -32000 }) }],
    ['the result of a tool whose handler failed', { returns: { isError: true, content: [] } }],
    ['a deadline that struck', { throws: named('TimeoutError') }],
  ])('%s is a failure', async (_, ended) => {
    expect(await outcomeOf(ended)).toBe('failure')
  })

  test.each([
    ['a status of 429', { throws: error({ status: 429 }) }],
    ['a response of 429', { returns: new Response('', { status: 429 }) }],
    ['a status from 400 to 499', { throws: error({ statusCode: 404 }) }],
    ['a response of such a status', { returns: new Response('', { status: 401 }) }],
    ['a call that was cancelled', { throws: named('AbortError') }],
    ['input that was wrong', { throws: named('ZodError') }],
    ['a request of JSON-RPC that was wrong', { returns: rpc(-32602) }],
    ['a refusal with the time to come again', { returns: rpc(-32029, { retryAfterMs: 100 }) }],
    ['such a refusal, thrown', { throws: error({ code: -32029, data: { retryAfterMs: 100 } }) }],
    [
      'such a refusal as the result of a tool',
      { returns: { isError: true, structuredContent: { retryAfterMs: 1 } } },
    ],
    ['a refusal that says nothing more', { returns: rpc(-32029) }],
    ['a limit that cannot be asked', { throws: error({ code: -32053 }) }],
    [
      'a refusal of limitMcp as the result of a tool',
      { returns: { isError: true, content: [], _meta: { 'sluice/refusal': { code: -32029 } } } },
    ],
    ['a refusal of a breaker', { throws: new BreakerOpenError('b', 'open', 1, false) }],
    ['a limiter without its store', { throws: new StoreUnavailableError('down') }],
  ])('%s says nothing', async (_, ended) => {
    expect(await outcomeOf(ended)).toBe('ignore')
  })

  test.each([
    ['text', { returns: 'fine' }],
    ['nothing', { returns: undefined }],
    ['a response of 200', { returns: new Response('fine') }],
    ['a redirect', { returns: new Response('', { status: 302 }) }],
    ['a result of JSON-RPC', { returns: { jsonrpc: '2.0', id: 1, result: {} } }],
    ['a result that mentions a time to come again', { returns: { retryAfterMs: 5 } }],
    ['an object that does not let itself be looked at', { returns: shy }],
  ])('%s is a success', async (_, ended) => {
    expect(await outcomeOf(ended)).toBe('success')
  })

  test('a refusal of a limiter is no failure, whoever returns or throws it', async () => {
    const limiter = createLimiter({ policies: { one: '1/h' } })
    await limiter.check('one', 'ann')
    const decision = await limiter.check('one', 'ann')
    expect(await outcomeOf({ returns: decision })).toBe('ignore')
    await limiter.close()
  })

  test('a signal that aborted says nothing, and one that struck as a deadline is a failure', async () => {
    const during = async (reason: unknown) => {
      const { breaker } = breakerOf()
      const controller = new AbortController()
      const call = () => {
        controller.abort(reason)
        throw new Error('the socket was closed')
      }
      await breaker.run('api', call, { signal: controller.signal }).catch(() => {})
      return breaker.metrics().failedRequests
    }
    expect(await during(new Error('the client is gone'))).toBe(0)
    expect(await during(new DOMException('too late', 'TimeoutError'))).toBe(1)
  })
})

describe('B3: with triggerErrors', () => {
  test.each([
    [500, 'failure'],
    [501, 'success'],
    [503, 'failure'],
    [404, 'ignore'],
  ])('[500, 502, 503] takes a response of %i for a %s', async (status, outcome) => {
    expect(await outcomeOf({ returns: new Response('', { status }) }, [500, 502, 503])).toBe(outcome)
  })

  test('status codes leave errors without a status alone', async () => {
    expect(await outcomeOf({ throws: new Error('no') }, [500])).toBe('ignore')
    expect(await outcomeOf({ throws: error({ status: 500 }) }, ['5xx'])).toBe('failure')
  })

  test('any of several rules suffices, unless it is taken back', async () => {
    const rules: TriggerErrors = {
      statusCodes: ['5xx'],
      jsonRpcCodes: [-32001, 1001],
      errors: thrown => thrown instanceof RangeError,
      results: value => value === 'garbage',
      except: ({ status }) => status === 501,
    }
    expect(await outcomeOf({ throws: new RangeError('no') }, rules)).toBe('failure')
    expect(await outcomeOf({ throws: new TypeError('no') }, rules)).toBe('ignore')
    expect(await outcomeOf({ returns: 'garbage' }, rules)).toBe('failure')
    expect(await outcomeOf({ returns: rpc(1001) }, rules)).toBe('failure')
    expect(await outcomeOf({ returns: rpc(-32603) }, rules)).toBe('success')
    expect(await outcomeOf({ throws: error({ status: 501 }) }, rules)).toBe('ignore')
  })

  test('a function decides alone, but never about refusals', async () => {
    expect(await outcomeOf({ returns: 'fine' }, () => true)).toBe('failure')
    expect(await outcomeOf({ throws: new Error('no') }, () => 'success')).toBe('success')
    expect(await outcomeOf({ throws: new Error('no') }, () => false)).toBe('ignore')
    expect(await outcomeOf({ throws: new BreakerOpenError('b', 'open', 1, false) }, () => true)).toBe(
      'ignore',
    )
    expect(await outcomeOf({ throws: error({ status: 429 }) }, () => true)).toBe('ignore')
  })

  test('a function that throws is told of, and the default decides', async () => {
    const { breaker, warnings } = breakerOf({
      triggerErrors: () => {
        throw new Error('a bad rule')
      },
    })
    await breaker.run('api', () => Promise.reject(new Error('no'))).catch(() => {})
    expect(breaker.metrics().failedRequests).toBe(1)
    expect(warnings).toMatchObject([{ error: { message: 'a bad rule' } }])
  })
})
