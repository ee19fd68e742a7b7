import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { implementationsOf, type ScriptRelease } from '../support/implementations.js'
import { findDifferences } from '../support/key-parity.js'
import { copyRelease, type ReleaseFolder } from '../support/release-folder.js'
import { hasDocker, type ServerContainer, ServerContainers } from '../support/server-container.js'

/** What somebody might do to `decide.lua` and notice nothing on an empty server: every reply stays as it was. */
const BREAKAGES = [
  {
    what: 'the state of gcra counts from another day',
    broken: '1577836800000000',
    by: '1577750400000000',
    told: /gcra, '.+', step 1 .*: key \S+:gcra:alice holds 0x[0-9a-f]+, and should hold 0x[0-9a-f]+/,
  },
  {
    what: 'keys have another name',
    broken: 'local KEYS = KEYS',
    by: "local KEYS = KEYS for i, key in ipairs(KEYS) do KEYS[i] = key .. ':v2' end",
    told: /key \S+:gcra:alice:v2 is none of those that should be there/,
  },
  {
    what: 'keys live a second longer',
    broken: 'ttl_min_ms = 3600000',
    by: 'ttl_min_ms = 3601000',
    told: /key \S+ ends at \d+, and should end 3600000 ms after its step/,
  },
]

describe.skipIf(!hasDocker())('a release that would take counters from a fleet', () => {
  const [image = ''] = inject('serverImages')
  const servers = new ServerContainers()
  const copies: ReleaseFolder[] = []
  let server: ServerContainer
  beforeAll(async () => {
    server = await servers.start(image)
  })
  afterAll(async () => {
    for (const copy of copies) copy.remove()
    await servers.stop()
  })

  test.each(BREAKAGES)('is told by name: $what', async ({ what, broken, by, told }) => {
    const copy = copyRelease()
    copies.push(copy)
    copy.rebuild('dist/decide.lua', text => {
      const [before, ...after] = text.split(broken)
      expect(after).toHaveLength(1)
      return [before, ...after].join(by)
    })
    const release: ScriptRelease = { name: 'broken', folder: pathToFileURL(`${copy.path}/`) }
    const [implementation] = implementationsOf(release)
    if (implementation === undefined) throw new Error('there is no implementation')
    const differences = await findDifferences(
      { server, release, implementation },
      `broken-${BREAKAGES.findIndex(one => one.what === what)}`,
    )
    expect(differences[0]).toMatch(`${image}, scripts broken, ${implementation.name}: `)
    expect(differences.join('\n')).toMatch(told)
  })
})
