import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { startTcpProxy } from '../support/tcp-proxy.js'
import { closers, fail, member, server, until, useRedis } from './breaker-fleet.js'

useRedis()

describe('B8: while Redis does not answer', () => {
  const SHORT = { deadline: '50ms', maxAge: '20ms' } as const

  async function behindProxy() {
    const proxy = await startTcpProxy(server.port)
    closers.push(() => proxy.close())
    const one = member({ ...SHORT, store: proxy.url })
    await one.breaker.ready()
    return { proxy, one }
  }

  test('calls go on, each waits for the deadline at most once, and failures open circuits of this process', async () => {
    const { proxy, one } = await behindProxy()
    await one.breaker.permit('api')
    proxy.holdReplies()
    await until(async () => {
      await one.breaker.run('api', () => 'fine')
      return one.told.includes('down')
    })
    // From here on nobody waits: a permit is there within a few turns of the event loop.
    let isThere = false
    one.breaker.permit('api').then(() => {
      isThere = true
    })
    for (let turn = 0; turn < 5; turn++) await new Promise<void>(resolve => setImmediate(resolve))
    expect(isThere).toBe(true)
    for (let i = 0; i < 5; i++) await fail(one)
    expect(await one.breaker.permit('api')).toMatchObject({ allowed: false })
    expect(one.transitions).toEqual(['fallback: closed → open'])
    await expect(one.breaker.reset('api')).rejects.toMatchObject({ code: 'ERR_SLUICE_STORE_UNAVAILABLE' })
  })

  test('what was open stays open, and when it answers again the fleet learns what was opened meanwhile', async () => {
    const { proxy, one } = await behindProxy()
    for (let i = 0; i < 5; i++) await fail(one, 'before')
    proxy.holdReplies()
    await until(async () => {
      await one.breaker.permit('meanwhile')
      return one.told.includes('down')
    })
    expect(await one.breaker.permit('before')).toMatchObject({ allowed: false })
    for (let i = 0; i < 5; i++) await fail(one, 'meanwhile')

    proxy.releaseReplies()
    await until(() => one.told.includes('up'))
    await one.breaker.flush()
    const other = member()
    expect(await other.breaker.permit('before')).toMatchObject({ allowed: false })
    expect(await other.breaker.permit('meanwhile')).toMatchObject({ allowed: false })
    expect(await other.breaker.permit('never')).toMatchObject({ allowed: true })
    expect(one.told).toEqual(['down', 'up'])
    expect(one.transitions).toEqual(['redis: closed → open', 'fallback: closed → open'])
  })

  test('it is known to answer again also where the key that is looked at is of somebody else', async () => {
    const { proxy, one } = await behindProxy()
    await fail(one)
    await server.cli('SET', await server.cli('KEYS', '*'), 'mine')
    await until(async () => {
      await one.breaker.permit('api')
      return one.told.length > 0
    })
    proxy.holdReplies()
    await until(async () => {
      await one.breaker.permit('api')
      return one.told.includes('down')
    })
    proxy.releaseReplies()
    await until(() => one.told.includes('up'))
  })

  test('a breaker that never had it works all the same', async () => {
    await server.stop()
    const one = member(SHORT)
    for (let i = 0; i < 5; i++) await fail(one)
    expect(await one.breaker.permit('api')).toMatchObject({ allowed: false })
    await expect(one.breaker.ready()).rejects.toMatchObject({ code: 'ERR_SLUICE_STORE_UNAVAILABLE' })
  })

  test('a caller who gives up is gone at once, and the probe he was granted is given back', async () => {
    const { proxy, one } = await behindProxy()
    const patient = member({
      ...SHORT,
      deadline: '5s',
      store: proxy.url,
      timeout: '1ms',
      backoff: { factor: 1 },
    })
    for (let i = 0; i < 5; i++) await fail(patient)
    await until(async () => (await one.breaker.state('api')).retryAfterMs === 0)
    await sleep(30)
    proxy.holdReplies()
    const controller = new AbortController()
    const asked = patient.breaker.permit('api', { signal: controller.signal })
    controller.abort(new Error('the client is gone'))
    await expect(asked).rejects.toThrow('the client is gone')
    proxy.releaseReplies()
    await until(async () => {
      const permit = await patient.breaker.permit('api')
      return permit.allowed && permit.isProbe
    })
  })

  test('a probe that was granted too late for anybody to hear of it gives its place back', async () => {
    const { proxy, one } = await behindProxy()
    const options = {
      ...SHORT,
      store: proxy.url,
      timeout: '1ms',
      backoff: { factor: 1 },
      probeTimeout: '1h',
    } as const
    const late = member(options)
    for (let i = 0; i < 5; i++) await fail(late)
    await until(async () => (await one.breaker.state('api')).retryAfterMs === 0)
    await sleep(30)
    proxy.holdReplies()
    // It waits for its deadline, and goes on without the store, which grants the probe all the same.
    await late.breaker.permit('api')
    expect(late.told).toEqual(['down'])
    proxy.releaseReplies()
    const other = member()
    await until(async () => {
      const permit = await other.breaker.permit('api')
      return permit.allowed && permit.isProbe
    })
  })
})
