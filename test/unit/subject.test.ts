import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodePart } from '../../src/key-part.js'
import { identify, type Subject, type SubjectRule } from '../../src/subject.js'
import { wellFormedText } from '../support/subjects.js'

const whole: SubjectRule = { name: 'perUser', by: undefined, group: undefined }
const byUser: SubjectRule = { name: 'perUser', by: ['user'], group: undefined }
const byTenantAndUser: SubjectRule = { name: 'api', by: ['tenant', 'user'], group: undefined }
const groupedByTenant: SubjectRule = { name: 'api', by: ['tenant', 'user'], group: ['tenant'] }

describe('the identity of a plain string', () => {
  it.each(['alice', 'a:b', 'é', '{x}', '~', ' '])('is the string itself: %j', subject => {
    expect(identify(whole, subject)).toBe(subject)
    expect(identify(byUser, subject)).toBe(subject)
  })

  it('is encoded when it could be taken for an encoded one, or is long', () => {
    expect(identify(whole, '\0a')).toBe('\0%00a')
    expect(identify(whole, 'a'.repeat(257))).toMatch(/^\0~[0-9a-f]{64}$/)
  })
})

describe('the identity of named parts', () => {
  it('is the string where the policy counts by one part', () => {
    expect(identify(byUser, { user: 'alice' })).toBe('alice')
    expect(identify({ ...byUser, group: ['user'] }, { user: 'alice' })).toBe('alice')
  })

  it('has the values in the order of the policy, whatever the order of the record', () => {
    expect(identify(byTenantAndUser, { user: 'a:b', tenant: 'acme' })).toBe('\0acme:a%3Ab')
  })

  it('ends with its group', () => {
    expect(identify(groupedByTenant, { tenant: 'acme', user: 'alice' })).toBe('\0acme:alice\0acme')
  })

  it('has all parts with their names, sorted, where the policy does not say by what it counts', () => {
    expect(identify(whole, { user: 'alice', tenant: 'acme' })).toBe('\0tenant=acme:user=alice')
    expect(identify(whole, { tenant: 'acme', user: 'alice' })).toBe('\0tenant=acme:user=alice')
  })

  it('is whole however many parts there are, and however long they are', () => {
    const part = fc.oneof(wellFormedText, fc.constantFrom('a'.repeat(256), ':'.repeat(85), 'é'.repeat(300)))
    fc.assert(
      fc.property(fc.array(part, { minLength: 2, maxLength: 24 }), values => {
        const by = values.map((_, i) => `part${i}`)
        const subject = Object.fromEntries(values.map((value, i) => [`part${i}`, value]))
        const path = values.map(encodePart).join(':')
        expect(identify({ name: 'p', by, group: undefined }, subject)).toBe(`\0${path}`)
        expect(identify({ name: 'p', by, group: by }, subject)).toBe(`\0${path}\0${path}`)
      }),
    )
  })

  it('may come from a record that asks for other identities while it is read', () => {
    const asking = {
      tenant: 'acme',
      get user() {
        return identify(byTenantAndUser, { tenant: 'other', user: 'bob' }).slice(1)
      },
    }
    expect(identify(byTenantAndUser, asking)).toBe('\0acme:other%3Abob')
  })

  it('is not concerned with parts that the policy does not count by', () => {
    const subject = { tenant: 'acme', user: 'alice', ip: '10.0.0.1' }
    expect(identify(byUser, subject)).toBe('alice')
    expect(identify(byTenantAndUser, subject)).toBe('\0acme:alice')
  })
})

describe('identities', () => {
  const subjects: fc.Arbitrary<Subject> = fc.oneof(
    wellFormedText,
    fc.dictionary(wellFormedText, wellFormedText, { minKeys: 1, maxKeys: 3 }),
  )
  const canonical = (subject: Subject) =>
    typeof subject === 'string'
      ? subject
      : JSON.stringify(Object.entries(subject).sort(([a], [b]) => (a < b ? -1 : 1)))

  it('differ for any two subjects, strings and records alike', () => {
    fc.assert(
      fc.property(subjects, subjects, (one, other) => {
        const areEqual = typeof one === typeof other && canonical(one) === canonical(other)
        expect(identify(whole, one) === identify(whole, other)).toBe(areEqual)
      }),
      { numRuns: 1000 },
    )
  })

  it('differ for any two pairs of parts', () => {
    const pair = fc.record({ tenant: wellFormedText, user: wellFormedText })
    fc.assert(
      fc.property(pair, pair, (one, other) => {
        const areEqual = one.tenant === other.tenant && one.user === other.user
        expect(identify(byTenantAndUser, one) === identify(byTenantAndUser, other)).toBe(areEqual)
      }),
    )
  })
})

describe('ambiguities that mixed up tenants elsewhere', () => {
  it("a tenant 'a' with user 'b:user:c' is not tenant 'a:user:b' with user 'c'", () => {
    expect(identify(byTenantAndUser, { tenant: 'a', user: 'b:user:c' })).not.toBe(
      identify(byTenantAndUser, { tenant: 'a:user:b', user: 'c' }),
    )
  })

  it("a user called 'tenant=acme' is not the tenant acme", () => {
    expect(identify(whole, 'tenant=acme')).not.toBe(identify(whole, { tenant: 'acme' }))
  })

  it('letters that only look alike stay different', () => {
    expect(identify(whole, 'é')).not.toBe(identify(whole, 'e\u0301'))
    expect(identify(whole, 'Ä')).not.toBe(identify(whole, 'ä'))
  })
})

describe('what is no subject of the policy is refused, not counted under another one', () => {
  const missing = 'is missing; the policy counts by it'
  it.each<[string, SubjectRule, unknown, string | undefined, string]>([
    [
      'an empty string',
      whole,
      '',
      undefined,
      `policy 'perUser': the subject is empty; give it a text, or do not check what has none`,
    ],
    [
      'a number',
      whole,
      42,
      undefined,
      `policy 'perUser': the subject is a number, neither a string nor a record of parts; give a string, such as String(id)`,
    ],
    [
      'undefined',
      whole,
      undefined,
      undefined,
      `policy 'perUser': the subject is undefined, neither a string nor a record of parts; give a string, such as String(id)`,
    ],
    [
      'null',
      whole,
      null,
      undefined,
      `policy 'perUser': the subject is null, neither a string nor a record of parts; give a string, such as String(id)`,
    ],
    [
      'a list',
      whole,
      ['a'],
      undefined,
      `policy 'perUser': the subject is a list, neither a string nor a record of parts; give a string, such as String(id)`,
    ],
    [
      'half a surrogate pair',
      whole,
      'a\ud800',
      undefined,
      `policy 'perUser': the subject has half a surrogate pair and no UTF-8 form; repair the text (toWellFormed) before the check`,
    ],
    [
      'a record without parts',
      whole,
      {},
      undefined,
      `policy 'perUser': the subject is a record without parts; give at least one, such as { user }`,
    ],
    [
      'a part without a name',
      whole,
      { '': 'a' },
      '',
      `policy 'perUser': a part of the subject has no name that it could be counted by; a name is well-formed text that is not empty`,
    ],
    [
      'a part that is a number',
      whole,
      { user: 42 },
      'user',
      `policy 'perUser': a part of the subject is a number, not a string; convert it first, such as String(id)`,
    ],
    [
      'a part that is null',
      byTenantAndUser,
      { tenant: null, user: 'a' },
      'tenant',
      `policy 'api': part 'tenant' of the subject is null, not a string; convert it first, such as String(id)`,
    ],
    [
      'a missing part',
      byTenantAndUser,
      { user: 'a' },
      'tenant',
      `policy 'api': part 'tenant' of the subject ${missing}`,
    ],
    [
      'a missing single part',
      byUser,
      { name: 'a' },
      'user',
      `policy 'perUser': part 'user' of the subject ${missing}`,
    ],
    [
      'an empty part',
      byTenantAndUser,
      { tenant: 'a', user: '' },
      'user',
      `policy 'api': part 'user' of the subject is empty; give it a text, or do not check what has none`,
    ],
    [
      'an inherited part',
      { name: 'p', by: ['constructor'], group: undefined },
      {},
      'constructor',
      `policy 'p': part 'constructor' of the subject ${missing}`,
    ],
    [
      'a plain string for two parts',
      byTenantAndUser,
      'alice',
      undefined,
      `policy 'api' counts by tenant, user, but the subject is a plain string; give a record with these parts`,
    ],
  ])('%s', (_, rule, subject, part, message) => {
    expect(() => identify(rule, subject as Subject)).toThrow(
      expect.objectContaining({ code: 'ERR_SLUICE_SUBJECT', policy: rule.name, part, message }),
    )
  })
})
