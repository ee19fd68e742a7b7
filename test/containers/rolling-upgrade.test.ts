import { Redis } from 'ioredis'
import { afterEach, describe, expect, inject, test } from 'vitest'
import { Fleet } from '../support/fleet.js'
import { FLEET_POLICY_NAMES } from '../support/fleet-limits.js'
import { promote, REPLICATING, replicate } from '../support/promotion.js'
import { hasDocker, type ServerContainer, ServerContainers } from '../support/server-container.js'

const images = inject('serverImages')
const has = (...wanted: readonly string[]) => wanted.every(image => images.includes(image))

const REDIS_7 = 'redis:7.0'
const REDIS_8 = 'redis:8.0'
const VALKEY_8 = 'valkey/valkey:8.1'
const VALKEY_9 = 'valkey/valkey:9.1'

/** Which server can take over from which: what one writes to its replicas, the other must read. */
const TAKES_OVER: readonly (readonly [from: string, to: string, can: boolean])[] = [
  [REDIS_7, REDIS_8, true],
  [REDIS_7, VALKEY_8, true],
  [REDIS_7, VALKEY_9, true],
  [VALKEY_8, REDIS_8, true],
  [VALKEY_8, VALKEY_9, true],
  [VALKEY_9, REDIS_8, true],
  [VALKEY_9, VALKEY_8, true],
  [VALKEY_8, REDIS_7, false],
  [VALKEY_9, REDIS_7, false],
  [REDIS_8, REDIS_7, false],
  [REDIS_8, VALKEY_8, false],
  [REDIS_8, VALKEY_9, false],
]
const tried = TAKES_OVER.filter(([from, to]) => has(from, to)).map(([from, to, can]) => ({ from, to, can }))

describe.skipIf(!hasDocker())('a fleet', () => {
  let fleet: Fleet | undefined
  const servers = new ServerContainers()
  afterEach(async () => {
    fleet?.kill()
    await servers.stop()
  })

  const start = (image: string) => servers.start(image, REPLICATING)

  async function startFleet(server: ServerContainer, implementations: readonly string[], release = 'now') {
    fleet = new Fleet(server.url, 'fleet')
    for (const implementation of implementations) await fleet.add(release, implementation)
    await fleet.busy()
    return fleet
  }

  /** Brings the fleet from one server to the next without losing a unit. */
  async function moveTo(image: string, from: ServerContainer, moving: Fleet): Promise<ServerContainer> {
    const next = await start(image)
    expect(await replicate(from, next)).toBe(true)
    await promote(from, next, () => moving.move(next.url))
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
    expect(Object.keys(rolled.admitted).sort()).toEqual(FLEET_POLICY_NAMES.toSorted())
  })

  test.runIf(has(REDIS_7, VALKEY_8, VALKEY_9))(
    `of mixed releases and clients moves from ${REDIS_7} over ${VALKEY_8} to ${VALKEY_9} under load`,
    async () => {
      const first = await start(REDIS_7)
      const mixed = await startFleet(first, ['ioredis', 'iovalkey'], '0.9.0')
      await mixed.add('now', 'node-redis by FCALL')
      const second = await moveTo(VALKEY_8, first, mixed)
      await moveTo(VALKEY_9, second, mixed)
      await mixed.end()
      expect(mixed.findings()).toEqual([])
    },
  )

  test.runIf(has(VALKEY_8, REDIS_8))(`moves from ${VALKEY_8} to ${REDIS_8} under load`, async () => {
    const first = await start(VALKEY_8)
    const moved = await startFleet(first, ['ioredis', 'node-redis by FCALL'])
    await moveTo(REDIS_8, first, moved)
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

  test.each(tried)('$to takes over from $from: $can', async ({ from, to, can }) => {
    const [primary, replica] = await Promise.all([start(from), start(to)])
    expect(await replicate(primary, replica)).toBe(can)
  })
})
