import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createBreaker } from '../../../src/breaker/index.js'
import { createPrometheusMetrics, type PrometheusOptions } from '../../../src/metrics/prometheus.js'
import { createTestLimiter } from '../../../src/testing/index.js'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

function watched(options: Omit<PrometheusOptions, 'limiters'> = {}) {
  const { limiter, clock } = createTestLimiter({
    policies: {
      perMethod: { algorithm: 'fixed_window', limit: 4, window: '1m' },
      both: ['10/m', { algorithm: 'gcra', limit: 100, window: '1h', burst: 20 }],
    },
  })
  const metrics = createPrometheusMetrics({ limiters: { api: limiter }, ...options })
  ends.push(() => metrics.close())
  return { limiter, clock, metrics }
}

/** The lines of one series. */
const linesOf = (text: string, series: string): string[] =>
  text
    .split('\n')
    .filter(line => line.startsWith(`${series}{`) || line === series || line.startsWith(`${series} `))

async function linesOfBreaker(breaker: ReturnType<typeof createBreaker>, series: string, more = {}) {
  const metrics = createPrometheusMetrics({ breakers: [breaker], ...more })
  return linesOf(await metrics.text(), series)
}

describe('B9: the series of rate limits', () => {
  test('B9: count what passed and what was refused, and tell the share in use', async () => {
    const { limiter, metrics } = watched({ scopes: { perMethod: 'method' } })
    for (let i = 0; i < 5; i++) await limiter.check('perMethod', 'tools/call')
    await limiter.check('perMethod', 'tools/list')
    await limiter.peek('perMethod', 'tools/list')
    const text = await metrics.text()
    expect(linesOf(text, 'mcp_rate_limit_requests_allowed_total')).toEqual([
      'mcp_rate_limit_requests_allowed_total{scope="method",key="tools/call"} 4',
      'mcp_rate_limit_requests_allowed_total{scope="method",key="tools/list"} 1',
    ])
    expect(linesOf(text, 'mcp_rate_limit_requests_rejected_total')).toEqual([
      'mcp_rate_limit_requests_rejected_total{scope="method",key="tools/call"} 1',
    ])
    expect(linesOf(text, 'mcp_rate_limit_current_usage')).toEqual([
      'mcp_rate_limit_current_usage{scope="method",key="tools/call"} 1',
      'mcp_rate_limit_current_usage{scope="method",key="tools/list"} 0.25',
    ])
    expect(text).toContain('# TYPE mcp_rate_limit_requests_allowed_total counter')
    expect(text).toContain('# TYPE mcp_rate_limit_requests_rejected_total counter')
    expect(text).toContain('# TYPE mcp_rate_limit_current_usage gauge')
  })

  test('of a request over several policies, a refusal counts where it was refused', async () => {
    const { limiter, metrics } = watched()
    const items = [
      { policy: 'both', subject: 'ada' },
      { policy: 'perMethod', subject: 'tools/call' },
    ] as const
    for (let i = 0; i < 5; i++) await limiter.checkAll(items)
    const text = await metrics.text()
    expect(linesOf(text, 'mcp_rate_limit_requests_rejected_total')).toEqual([
      'mcp_rate_limit_requests_rejected_total{scope="perMethod",key="tools/call"} 1',
    ])
    // 4 of 10 in the minute, 4 of 20 at once.
    expect(linesOf(text, 'mcp_rate_limit_current_usage')).toContain(
      'mcp_rate_limit_current_usage{scope="both",key="ada"} 0.4',
    )
  })

  test('B9: quotes, backslashes and newlines in a key are escaped', async () => {
    const { limiter, metrics } = watched()
    await limiter.check('perMethod', 'a"b\\c\nd')
    expect(linesOf(await metrics.text(), 'mcp_rate_limit_requests_allowed_total')).toEqual([
      'mcp_rate_limit_requests_allowed_total{scope="perMethod",key="a\\"b\\\\c\\nd"} 1',
    ])
  })

  test('B9: so many keys have labels of their own, and the others share one', async () => {
    const { limiter, metrics } = watched({ maxKeys: 2 })
    for (let i = 0; i < 500; i++) await limiter.check('perMethod', `user-${i}`)
    await limiter.check('perMethod', 'user-1')
    expect(linesOf(await metrics.text(), 'mcp_rate_limit_requests_allowed_total')).toEqual([
      'mcp_rate_limit_requests_allowed_total{scope="perMethod",key="user-0"} 1',
      'mcp_rate_limit_requests_allowed_total{scope="perMethod",key="user-1"} 2',
      'mcp_rate_limit_requests_allowed_total{scope="perMethod",key="__other__"} 498',
    ])
  })

  test('subjects are named as asked for, or not at all', async () => {
    const secret = watched({ key: false })
    await secret.limiter.check('perMethod', 'hunter2')
    expect(await secret.metrics.text()).not.toContain('hunter2')
    const named = watched({ key: subject => `#${String(subject).length}` })
    await named.limiter.check('perMethod', 'hunter2')
    expect(await named.metrics.text()).toContain('key="#7"')
  })
})

describe('the series of a limiter', () => {
  test('tell decisions by policy, result and source, and how long they took, in seconds', async () => {
    const { limiter, metrics } = watched()
    for (let i = 0; i < 5; i++) await limiter.check('perMethod', 'ada')
    const text = await metrics.text()
    expect(linesOf(text, 'sluice_requests_total')).toEqual([
      'sluice_requests_total{policy="perMethod",result="allowed",reason="ok",source="memory",limiter="api"} 4',
      'sluice_requests_total{policy="perMethod",result="rejected",reason="limit",source="memory",limiter="api"} 1',
    ])
    expect(text).toContain(
      'sluice_decision_duration_seconds_count{call="check",source="memory",limiter="api"} 5',
    )
  })

  test('tell who waits, and how long those before have waited', async () => {
    const { limiter, clock, metrics } = watched()
    await limiter.check('perMethod', 'ada', { cost: 4 })
    const waiting = limiter.wait('perMethod', 'ada', { maxWait: '5m' })
    expect(linesOf(await metrics.text(), 'sluice_waiting_calls')).toEqual([
      'sluice_waiting_calls{limiter="api"} 1',
    ])
    await clock.advance('1m')
    await waiting
    const text = await metrics.text()
    expect(linesOf(text, 'sluice_waiting_calls')).toEqual(['sluice_waiting_calls{limiter="api"} 0'])
    expect(text).toContain('sluice_wait_duration_seconds_sum{result="allowed",limiter="api"} 60')
  })

  test('end with close()', async () => {
    const { limiter, metrics } = watched()
    await limiter.check('perMethod', 'ada')
    metrics.close()
    await limiter.check('perMethod', 'ada')
    expect(linesOf(await metrics.text(), 'mcp_rate_limit_requests_allowed_total')).toEqual([
      'mcp_rate_limit_requests_allowed_total{scope="perMethod",key="ada"} 1',
    ])
  })
})

describe('B9: the series of circuit breakers', () => {
  const failing = () => Promise.reject(Object.assign(new Error('bad gateway'), { status: 502 }))

  test('B9: tell the state, the failures and the refusals of each circuit', async () => {
    await using breaker = createBreaker({ name: 'upstream', scope: 'PerServer', failureThreshold: 2 })
    const server = { server: 'https://api.example.com' }
    for (let i = 0; i < 3; i++) await breaker.run(server, failing).catch(() => {})
    await breaker.run({ server: 'https://other.example.com' }, async () => 'fine')
    const key = 'key="https://api.example.com"'
    expect(await linesOfBreaker(breaker, 'mcp_circuit_breaker_state')).toEqual([
      `mcp_circuit_breaker_state{scope="server",${key}} 1`,
      'mcp_circuit_breaker_state{scope="server",key="https://other.example.com"} 0',
    ])
    expect(await linesOfBreaker(breaker, 'mcp_circuit_breaker_failures_total')).toContain(
      `mcp_circuit_breaker_failures_total{scope="server",${key}} 2`,
    )
    expect(await linesOfBreaker(breaker, 'mcp_circuit_breaker_requests_rejected_total')).toContain(
      `mcp_circuit_breaker_requests_rejected_total{scope="server",${key}} 1`,
    )
  })

  test('B9: where circuits share a label, it shows the one that is worst off', async () => {
    await using breaker = createBreaker({ name: 'upstream', scope: 'PerServer', failureThreshold: 1 })
    await breaker.run({ server: 'https://fine.example.com' }, async () => 'fine')
    await breaker.run({ server: 'https://broken.example.com' }, failing).catch(() => {})
    expect(await linesOfBreaker(breaker, 'mcp_circuit_breaker_state', { maxKeys: 0 })).toEqual([
      'mcp_circuit_breaker_state{scope="server",key="__other__"} 1',
    ])
  })

  test('B9: series of what is not watched do not exist', async () => {
    await using breaker = createBreaker({ name: 'upstream' })
    expect(await createPrometheusMetrics({ breakers: [breaker] }).text()).not.toContain('mcp_rate_limit')
    expect(await watched().metrics.text()).not.toContain('mcp_circuit_breaker')
  })
})

describe('the text of all series', () => {
  test('B9: is served under a path of choice', async () => {
    const { limiter, metrics } = watched()
    await limiter.check('perMethod', 'ada')
    const server = createServer(metrics.handler({ path: '/internal/metrics' })).listen(0, '127.0.0.1')
    ends.push(() => server.close())
    await new Promise(resolve => server.once('listening', resolve))
    const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const answer = await fetch(`${at}/internal/metrics?x=1`)
    expect(answer.headers.get('content-type')).toContain('text/plain')
    expect(await answer.text()).toContain(
      'mcp_rate_limit_requests_allowed_total{scope="perMethod",key="ada"} 1',
    )
    expect((await fetch(`${at}/metrics`)).status).toBe(404)
    expect((await fetch(`${at}/internal/metrics`, { method: 'POST' })).status).toBe(405)
  })

  test('B9: is handed over at an interval, whether or not it is taken', async () => {
    const { metrics } = watched()
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    ends.push(() => warned.mockRestore())
    let handed = 0
    const third = new Promise<void>(resolve => {
      const end = metrics.every(5, () => {
        if (++handed < 3) throw new Error('not now')
        end()
        resolve()
      })
    })
    await third
    expect(handed).toBe(3)
    expect(warned.mock.calls.map(([message]) => message)).toEqual(
      Array(2).fill(expect.stringMatching(/^the text of metrics could not be handed over: Error at /)),
    )
  })

  test('what is no limiter is refused by name', () => {
    expect(() => createPrometheusMetrics({ limiters: { api: {} as never } })).toThrow(
      /options of createPrometheusMetrics:[\s\S]*must have the methods on, metrics[\s\S]*limiters\.api/,
    )
    expect(() => createPrometheusMetrics({ maxKey: 1 } as never)).toThrow(/maxKey/)
  })
})
