import keySlot from 'cluster-key-slot'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ALGORITHMS, type Algorithm, type Plan } from '../../src/core/plan.js'
import { encodePart, limitKeyName } from '../../src/key-part.js'
import { createKeyBuilder, DEFAULT_SHARDS, parseKey } from '../../src/keys.js'
import type { Limit } from '../../src/policy.js'
import { compilePlan } from '../../src/policy.js'
import { SHARD_TAGS } from '../../src/shard-tags.js'
import { identify, type Subject } from '../../src/subject.js'
import { GOLDEN_KEYS } from '../support/golden-keys.js'
import { wellFormedText } from '../support/subjects.js'

const WINDOW = { limit: 1, windowUs: 1_000_000 }

function planOf(algorithm: Algorithm): Plan {
  switch (algorithm) {
    case 'quota':
      return compilePlan({ algorithm, limit: 1, period: 'day' }, { nowUs: 1_700_000_000_000_000 })
    case 'concurrency':
      return compilePlan({ algorithm, limit: 1 })
    default:
      return compilePlan({ algorithm, ...WINDOW })
  }
}

const limitOf = (policy: string, index = 0, algorithm: Algorithm = 'gcra', slot = 0): Limit => ({
  policy,
  keyName: limitKeyName(policy, index),
  slot,
  plan: planOf(algorithm),
  limit: 1,
  windowMs: 1000,
})

describe('golden keys', () => {
  it.each(GOLDEN_KEYS)('$story', ({ prefix, shards, limit, identity, key, slot }) => {
    const keyOf = createKeyBuilder({ shards, ...(prefix !== undefined && { prefix }) })
    expect(keyOf(limit, identity)).toBe(key)
    expect(keySlot(key)).toBe(slot)
  })
})

describe('keys', () => {
  const keyOf = createKeyBuilder()
  const rule = { name: 'p', by: undefined, group: undefined }

  it('differ for different subjects', () => {
    fc.assert(
      fc.property(wellFormedText, wellFormedText, (one, other) => {
        const keys = [one, other].map(subject => keyOf(limitOf('p'), identify(rule, subject)))
        expect(keys[0] === keys[1]).toBe(one === other)
      }),
    )
  })

  it('differ for different policies, limits and algorithms', () => {
    const limit = fc.record({
      policy: wellFormedText,
      index: fc.nat({ max: 15 }),
      algorithm: fc.constantFrom(...ALGORITHMS),
    })
    fc.assert(
      fc.property(limit, limit, (one, other) => {
        const areEqual =
          one.policy === other.policy && one.index === other.index && one.algorithm === other.algorithm
        const keys = [one, other].map(({ policy, index, algorithm }) =>
          keyOf(limitOf(policy, index, algorithm), 'alice'),
        )
        expect(keys[0] === keys[1]).toBe(areEqual)
      }),
    )
  })

  it('lie in the slot of a tag of the table, whatever the policy and the subject', () => {
    fc.assert(
      fc.property(wellFormedText, wellFormedText, (policy, subject) => {
        const key = keyOf(limitOf(policy), identify(rule, subject))
        const tag = /\{([^}]*)\}/.exec(key)?.[1] ?? ''
        expect(SHARD_TAGS).toContain(tag)
        expect(keySlot(key)).toBe(keySlot(tag))
        expect(key.match(/[{}]/g)).toHaveLength(2)
      }),
    )
  })

  it('of one group lie in one slot, whatever else the subjects have', () => {
    const grouped = { name: 'p', by: ['tenant', 'user'], group: ['tenant'] }
    fc.assert(
      fc.property(wellFormedText, wellFormedText, wellFormedText, (tenant, one, other) => {
        const slots = [one, other].map(user =>
          keySlot(keyOf(limitOf('p'), identify(grouped, { tenant, user }))),
        )
        const alone = keySlot(
          keyOf(limitOf('q'), identify({ name: 'q', by: ['tenant'], group: undefined }, { tenant })),
        )
        expect(slots).toEqual([alone, alone])
      }),
    )
  })

  it('have nothing in them that a glob or a line would take for its own', () => {
    fc.assert(
      fc.property(wellFormedText, wellFormedText, (policy, subject) => {
        expect(keyOf(limitOf(policy), identify(rule, subject))).toMatch(/^[A-Za-z0-9_.%:~{}-]+$/)
      }),
    )
  })

  it('of two policies differ, so that 7/m and 30/m of one user never share a counter', () => {
    expect(keyOf(limitOf('strict'), 'alice')).not.toBe(keyOf(limitOf('lenient'), 'alice'))
  })

  it('follow the limit, not its number: two limiters may share an engine', () => {
    expect(keyOf(limitOf('a', 0, 'gcra', 7), 'x')).toMatch(/:a:gcra:x$/)
    expect(keyOf(limitOf('b', 0, 'gcra', 7), 'x')).toMatch(/:b:gcra:x$/)
    expect(keyOf(limitOf('b', 0, 'quota', 7), 'x')).toMatch(/:b:quota:x$/)
  })

  it('do not depend on the units or window of the limit, so that a limit can change while counters live', () => {
    const small = { ...limitOf('a'), plan: compilePlan({ algorithm: 'gcra', limit: 7, windowUs: 1_000_000 }) }
    const large = {
      ...limitOf('a'),
      plan: compilePlan({ algorithm: 'gcra', limit: 30, windowUs: 60_000_000 }),
    }
    expect(keyOf(small, 'x')).toBe(keyOf(large, 'x'))
  })

  it('change with the algorithm, so that no state is read by another algorithm', () => {
    expect(keyOf(limitOf('a', 0, 'sliding_window'), 'x')).not.toBe(
      keyOf(limitOf('a', 0, 'fixed_window'), 'x'),
    )
  })
})

describe('a key reads back', () => {
  it('as its policy, limit, algorithm and subject', () => {
    const subjects: fc.Arbitrary<Subject> = fc.oneof(
      wellFormedText,
      fc.dictionary(wellFormedText, wellFormedText, { minKeys: 1, maxKeys: 3 }),
    )
    const shards = fc.constantFrom(1, 2, 64, 1024)
    const read = (text: string) =>
      encodePart(text).startsWith('~') ? { sha256: encodePart(text).slice(1) } : text
    fc.assert(
      fc.property(
        wellFormedText,
        fc.nat({ max: 15 }),
        fc.constantFrom(...ALGORITHMS),
        subjects,
        shards,
        (policy, index, algorithm, subject, shards) => {
          const identity = identify({ name: policy, by: undefined, group: undefined }, subject)
          const key = createKeyBuilder({ prefix: 'app', shards })(limitOf(policy, index, algorithm), identity)
          const parsed = parseKey(key)
          expect(parsed).toMatchObject({
            prefix: 'app:',
            slot: keySlot(key),
            policy: read(policy),
            limitIndex: index,
            algorithm,
          })
          const parts: readonly unknown[] =
            typeof subject === 'string'
              ? [{ name: undefined, value: read(subject) }]
              : Object.entries(subject).map(([name, value]) => ({ name: read(name), value: read(value) }))
          expect(parsed?.subject).toHaveLength(parts.length)
          expect(parsed?.subject).toEqual(expect.arrayContaining([...parts]))
        },
      ),
    )
  })

  it('with the values alone where the policy names the parts', () => {
    expect(parseKey('sl1:{g7}:api~1:token_bucket:acme:b%3Ab')).toEqual({
      prefix: '',
      shardTag: 'g7',
      slot: keySlot('g7'),
      policy: 'api',
      limitIndex: 1,
      algorithm: 'token_bucket',
      subject: [
        { name: undefined, value: 'acme' },
        { name: undefined, value: 'b:b' },
      ],
    })
  })

  it.each([
    '',
    'alice',
    'app:sl1:meta',
    'rl:user:alice:60',
    'appsl1:{5b}:perUser:gcra:alice',
    'sl1:{5b}:perUser:gcra:',
    'sl1:{5b}:perUser:nothing:alice',
    'sl1:{5b}:perUser:gcra:al ice',
    'sl1:{5b}:perUser:gcra:a=b=c',
    'sl1:{5b}:perUser:gcra:a::b',
    'sl1:{5b}:~1:gcra:alice',
    'sl2:{5b}:perUser:gcra:alice',
  ])('unless it is not one: %j', key => {
    expect(parseKey(key)).toBeUndefined()
  })
})

describe('the prefix', () => {
  it('is separated by a colon, and is none by default', () => {
    const bare = createKeyBuilder()(limitOf('perUser'), 'ada')
    expect(bare).toMatch(/^sl1:/)
    const keys = ['', 'app', 'app:', 'a/b:c'].map(prefix =>
      createKeyBuilder({ prefix })(limitOf('perUser'), 'ada'),
    )
    expect(keys).toEqual([bare, `app:${bare}`, `app:${bare}`, `a/b:c:${bare}`])
  })

  it.each(['{app}', 'a*', 'a b', 'é', 'a\n', 'a'.repeat(129), 5])(
    'is refused where it would steer the slot or match more: %j',
    prefix => {
      expect(() => createKeyBuilder({ prefix: prefix as string })).toThrow(
        expect.objectContaining({
          code: 'ERR_SLUICE_OPTION',
          message: expect.stringMatching(/^prefix: .* cannot stand before keys/),
        }),
      )
    },
  )
})

describe('shards', () => {
  it('are 32 unless told otherwise', () => {
    expect(DEFAULT_SHARDS).toBe(32)
  })

  it.each([0, 3, 100, 2048, -2, 1.5, Number.NaN, '64'])('cannot be %j', shards => {
    expect(() => createKeyBuilder({ shards: shards as number })).toThrow(
      expect.objectContaining({
        code: 'ERR_SLUICE_OPTION',
        message: expect.stringMatching(
          /^shards: .* is not a power of two from 1 to 1024; leave it out for 32$/,
        ),
      }),
    )
  })
})
