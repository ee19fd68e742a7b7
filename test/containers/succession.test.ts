import { afterEach, describe, expect, inject, test } from 'vitest'
import { findImplementation } from '../support/implementations.js'
import { findDifferences } from '../support/key-parity.js'
import { REPLICATING, replicate } from '../support/promotion.js'
import { hasDocker, type ServerContainer, ServerContainers } from '../support/server-container.js'
import { readKeys } from '../support/server-keys.js'
import { successions } from '../support/server-releases.js'

const pairs = successions(inject('serverImages'))

describe.skipIf(!hasDocker())('a server that is given all that another holds', () => {
  const servers = new ServerContainers()
  afterEach(() => servers.stop())

  /** The first holds what the golden stories leave. */
  async function startPair(from: string, to: string): Promise<[ServerContainer, ServerContainer]> {
    const [primary, replica] = await Promise.all([
      servers.start(from, REPLICATING),
      servers.start(to, REPLICATING),
    ])
    const way = findImplementation('now', 'ioredis')
    expect(await findDifferences({ server: primary, ...way }, 'told')).toEqual([])
    return [primary, replica]
  }

  async function expectSameKeys(primary: ServerContainer, replica: ServerContainer): Promise<void> {
    const held = await readKeys(primary.url)
    expect(Object.keys(held)).not.toEqual([])
    expect(await readKeys(replica.url)).toEqual(held)
  }

  test.each(pairs.filter(({ can }) => can))('$to takes over from $from', async ({ from, to }) => {
    const [primary, replica] = await startPair(from, to)
    expect(await replicate(primary, replica)).toBeUndefined()
    await expectSameKeys(primary, replica)
  })

  test.each(pairs.filter(({ can }) => can === false))(
    '$to cannot take over from $from, and says why',
    async ({ from, to }) => {
      const [primary, replica] = await startPair(from, to)
      expect(await replicate(primary, replica)).toMatch(/^Can't handle RDB format version \d+$/)
      expect(await readKeys(replica.url)).toEqual({})
    },
  )

  test.each(pairs.filter(({ can }) => can === undefined))(
    '$to holds all that $from does, or says why it cannot take over',
    async ({ from, to }) => {
      const [primary, replica] = await startPair(from, to)
      const refusal = await replicate(primary, replica)
      if (refusal === undefined) await expectSameKeys(primary, replica)
      console.info(
        `${to} ${refusal === undefined ? 'takes' : 'cannot take'} over from ${from}: ${refusal ?? 'it has it all'}`,
      )
    },
  )
})
