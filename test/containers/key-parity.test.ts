import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { GOLDEN_KEYS } from '../support/golden-keys.js'
import { implementationsOf, RELEASES } from '../support/implementations.js'
import { findDifferences } from '../support/key-parity.js'
import { hasDocker, type ServerContainer, ServerContainers } from '../support/server-container.js'

describe.skipIf(!hasDocker()).each(inject('serverImages'))('on %s', image => {
  const servers = new ServerContainers()
  let server: ServerContainer
  beforeAll(async () => {
    server = await servers.start(image)
  })
  afterAll(() => servers.stop())

  describe.each(RELEASES)('the scripts $name', release => {
    test.each(implementationsOf(release))(
      'by $name answer, keep and end what the golden stories say',
      async implementation => {
        const prefix = `${release.name}-${implementation.name.replaceAll(' ', '-')}`
        expect(await findDifferences({ server, release, implementation }, prefix)).toEqual([])
      },
    )
  })

  test('the golden keys are in the slots that this server counts', async () => {
    // Only a server of a cluster counts slots; it needs none of its own for that.
    const node = await servers.start(image, ['--cluster-enabled', 'yes'])
    const redis = new Redis(node.url)
    const counted = await Promise.all(
      GOLDEN_KEYS.map(async ({ key }) => ({ key, slot: await redis.cluster('KEYSLOT', key) })),
    )
    expect(counted).toEqual(GOLDEN_KEYS.map(({ key, slot }) => ({ key, slot })))
    await redis.quit()
  })
})
