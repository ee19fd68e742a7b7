import { Redis } from 'ioredis'
import { afterEach, describe, expect, inject, test } from 'vitest'
import { createRedisEngine } from '../../src/engine/redis-engine.js'
import { Fleet } from '../support/fleet.js'
import { FLEET_POLICY_NAMES } from '../support/fleet-limits.js'
import { byFailover, byHand, promote, REPLICATING, replicate } from '../support/promotion.js'
import { hasDocker, type ServerContainer, ServerContainers } from '../support/server-container.js'
import { REDIS_7_0, REDIS_8_0, releaseOf, VALKEY_8_1, VALKEY_9_1 } from '../support/server-releases.js'

const images = inject('serverImages')
const imageOf = (release: string): string => images.find(image => releaseOf(image) === release) ?? ''
const has = (...releases: readonly string[]): boolean => releases.every(release => imageOf(release) !== '')

const PREFIX = 'fleet'

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

  /** Brings the fleet from one server to the next without losing a unit. */
  async function moveTo(
    release: string,
    from: ServerContainer,
    changeRoles: typeof byHand,
    moving: Fleet,
  ): Promise<ServerContainer> {
    const next = await start(imageOf(release))
    expect(await replicate(from, next)).toBeUndefined()
    await promote(from, next, changeRoles, () => moving.move(next.url))
    await moving.busy()
    return next
  }

  test('goes to new scripts, another client, functions and back, under load, and keeps every limit', async () => {
    const server = await start(images[0] as string)
    const rolled = await startFleet(server, ['ioredis', 'ioredis', 'ioredis'], '0.9.0')
    await rolled.roll('now', 'ioredis')
    await rolled.roll('now', 'node-redis')
    await rolled.roll('now', 'node-redis by FCALL')
    await rolled.roll('0.9.0', 'ioredis')
    await rolled.end()
    expect(rolled.findings()).toEqual([])
    expect(rolled.failures).toEqual([])
    expect(Object.keys(rolled.admitted).sort()).toEqual(FLEET_POLICY_NAMES.toSorted())
  })

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

  test.runIf(has(REDIS_7_0, VALKEY_8_1, VALKEY_9_1))(
    `of mixed releases and clients moves from ${REDIS_7_0} over ${VALKEY_8_1} to ${VALKEY_9_1} under load`,
    async () => {
      const first = await start(imageOf(REDIS_7_0))
      const mixed = await startFleet(first, ['ioredis', 'iovalkey'], '0.9.0')
      await mixed.add('now', 'node-redis by FCALL')
      const second = await moveTo(VALKEY_8_1, first, byHand, mixed)
      await moveTo(VALKEY_9_1, second, byFailover, mixed)
      await mixed.end()
      expect(mixed.findings()).toEqual([])
    },
  )

  test.runIf(has(VALKEY_8_1, REDIS_8_0))(`moves from ${VALKEY_8_1} to ${REDIS_8_0} under load`, async () => {
    const first = await start(imageOf(VALKEY_8_1))
    const moved = await startFleet(first, ['ioredis', 'node-redis by FCALL'])
    await moveTo(REDIS_8_0, first, byHand, moved)
    await moved.end()
    expect(moved.findings()).toEqual([])
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
