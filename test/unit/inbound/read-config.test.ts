import { describe, expect, test } from 'vitest'
import { createGatewayLimits } from '../../../src/inbound/index.js'
import { createLimiter } from '../../../src/limiter.js'

describe('everything that is wrong with a configuration is told at once', () => {
  const problemsOf = (config: object): readonly string[] => {
    try {
      createGatewayLimits(config)
    } catch (error) {
      return (error as Error).message.split('\n').map(line => line.trim())
    }
    return []
  }

  test('each problem by its place', () => {
    const problems = problemsOf({
      by_user: 60,
      by_tenant: { strategy: 'TokenBucket', capacity: 10, refill_rate: 0.5 },
      by_server: { strategy: 'TokenBuckets' },
      by_method: { limit: 5, window: '1m', by: 'x' },
      by_session: { algorithm: 'concurrency', limit: 5 },
      by_tool: { Search: '1/m', ' search': '2/m', ' ': '1/m', bad: '0/m' },
      custom: [
        { name: 'by_user', scope: 'PerServer', limit: '1/m' },
        { name: 'x', scope: 'PerServr', limit: '1/m' },
      ],
      algorithm: 'fixed',
      missing_user: 'refused',
      by_usr: '1/m',
      shards: 3,
    })
    for (const place of [
      "by_user: 60 is a number without a window; write a rate, such as '60/m'",
      "by_tenant.refill_rate: 0.5 is not a whole number of at least 1 per second; write anything else as a rate, such as '10/m'",
      "by_server.strategy: 'TokenBuckets' is unknown",
      'by_method.by: belongs to the dimension',
      "by_session: is of 'concurrency'",
      "by_tool[' search']: is the same tool as 'Search'",
      "by_tool[' ']: names no tool",
      'by_tool.bad: ',
      "custom[0].name: 'by_user' is the name of another limit",
      "custom[1].scope: 'PerServr' is unknown",
      "algorithm: 'fixed' is unknown",
      "missing_user: 'refused' is unknown",
      'by_usr: is not an option of createGatewayLimits',
      'shards: ',
    ]) {
      expect(
        problems.filter(problem => problem.startsWith(place)),
        place,
      ).toHaveLength(1)
    }
    expect(problems).toHaveLength(15)
  })

  test.each([
    [{}, 'sets no limit'],
    [{ by_user: null }, 'sets no limit'],
    [null, 'is no configuration'],
    [{ by_tool: { a: '1/m' }, missing_user: 'skip' }, 'missing_user: has no effect'],
    [{ by_user: '1/m', limiter: {} }, 'limiter: an object is not a limiter'],
    [
      { by_user: '1/m', limiter: createLimiter({ policies: { x: '1/s' } }), prefix: 'x' },
      'prefix: stands beside',
    ],
    [{ by_user: Array(16).fill('1/m'), by_tool: { a: '1/m' } }, 'one request may have 17 limits'],
    [
      { by_user: '1/m', by_tenant: '1/m', missing_user: { limit: Array(16).fill('1/m') } },
      'one request may have 17 limits',
    ],
    [{ by_user: '1/m', missing_user: { rate: '1/m' } }, "missing_user: 'rate' is not an option of it"],
  ])('%# is refused: %s', (config, message) => {
    expect(problemsOf(config as object).join('\n')).toContain(message)
  })
})
