import { Redis } from 'ioredis'
import { afterEach, describe, expect, inject, test } from 'vitest'
import { createRedisEngine } from '../../src/engine/redis-engine.js'
import { Fleet } from '../support/fleet.js'
import { FLEET_POLICY_NAMES } from '../support/fleet-limits.js'
import { withoutNative } from '../support/native.js'
import { byFailover, byHand, promote, REPLICATING, replicate } from '../support/promotion.js'
import { hasDocker, type ServerContainer, ServerContainers } from '../support/server-container.js'
import { routesThrough } from '../support/server-releases.js'

const images = inject('serverImages')
const routes = routesThrough(images).map(route => ({ route, name: route.join(' over ') }))

const PREFIX = 'fleet'
/** What calls meet at a server that is no longer the primary: its refusal, after which their connection is made anew. */
const LEAVING = ['ERR_SLUICE_READ_ONLY', 'ERR_SLUICE_CONNECTION_LOST', 'ERR_SLUICE_STORE_UNAVAILABLE']

describe.skipIf(!hasDocker())('a fleet', () => {
  let fleet: Fleet | undefined
  const servers = new ServerContainers()
  afterEach(async () => {
    fleet?.kill()
    await servers.stop()
  })

  const start = (image: string) => servers.start(image, REPLICATING)

  async function startFleet(server: ServerContainer, implementations: readonly string[], release = 'now') {
    fleet = new Fleet(server.url, PREFIX)
    for (const implementation of implementations) await fleet.add(release, implementation)
    await fleet.busy()
    return fleet
  }

  test('goes to new scripts, another client, functions and back, under load, and keeps every limit', async () => {
    const server = await start(images[0] as string)
    const rolled = await startFleet(server, ['ioredis', 'ioredis'], '0.9.0')
    await rolled.roll('now', 'ioredis')
    await rolled.roll('now', 'node-redis')
    await rolled.roll('now', 'node-redis by FCALL')
    await rolled.roll('1.0.0', 'ioredis by FCALL')
    await rolled.roll('0.9.0', 'ioredis')
    await rolled.end()
    expect(rolled.findings()).toEqual([])
    expect(rolled.failures).toEqual([])
    expect(Object.keys(rolled.admitted).sort()).toEqual(FLEET_POLICY_NAMES.toSorted())
  })

  test.skipIf(withoutNative !== undefined)(
    'goes from TypeScript to the native engine and back, under load, and keeps every limit',
    async () => {
      const server = await start(images.at(-1) as string)
      const rolled = await startFleet(server, ['ioredis', 'the package'])
      await rolled.roll('now', 'native')
      await rolled.roll('now', 'the package')
      await rolled.add('now', 'native')
      await rolled.busy()
      await rolled.end()
      expect(rolled.findings()).toEqual([])
      expect(rolled.failures).toEqual([])
      expect(Object.keys(rolled.admitted).sort()).toEqual(FLEET_POLICY_NAMES.toSorted())
    },
  )

  test('crosses from the shards of 0.9.0 by naming their number; a replica that leaves it out is refused', async () => {
    const server = await start(images[0] as string)
    const crossing = await startFleet(server, ['ioredis'], '0.9.0')
    await crossing.roll('now', 'the package')

    const unnamed = createRedisEngine({ store: server.url, prefix: PREFIX })
    await expect(unnamed.ready()).rejects.toMatchObject({
      code: 'ERR_SLUICE_META_MISMATCH',
      own: { shards: 32 },
      stored: { shards: 128 },
    })
    await unnamed.close()

    await crossing.roll('0.9.0', 'ioredis')
    await crossing.end()
    expect(crossing.findings()).toEqual([])
    expect(crossing.failures).toEqual([])
  })

  test.each(routes)('of mixed releases and clients moves under load from $name', async ({ route }) => {
    const [origin, ...stops] = route
    let server = await start(origin as string)
    const mixed = await startFleet(server, ['ioredis', 'iovalkey'], '0.9.0')
    await mixed.add('now', 'node-redis by FCALL')
    for (const [i, image] of stops.entries()) {
      const next = await start(image)
      expect(await replicate(server, next)).toBeUndefined()
      await promote(server, next, i % 2 === 0 ? byHand : byFailover, () => mixed.move(next.url))
      await mixed.busy()
      server = next
    }
    await mixed.end()
    expect(mixed.findings()).toEqual([])
    expect(LEAVING).toEqual(expect.arrayContaining([...mixed.failures]))
  })

  test('is told on when a counter is reset', async () => {
    const server = await start(images[0] as string)
    const reset = await startFleet(server, ['ioredis'])
    const redis = new Redis(server.url)
    await redis.flushall()
    await redis.quit()
    await reset.busy()
    await reset.end()
    expect(reset.findings()).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^ledger alice: unit 2 of \d+ left 999999, and should have/),
      ]),
    )
  })
})
