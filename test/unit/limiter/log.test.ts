import { describe, expect, test } from 'vitest'
import { createLimiter } from '../../../src/limiter.js'
import { FakeClock } from '../../../src/testing/fake-clock.js'
import { pinoLines, sentencesOf } from '../../support/log-lines.js'

const POLICIES = {
  api: { limit: 1, window: '1m', by: ['tenant', 'user'] },
  jobs: { algorithm: 'concurrency', limit: 1, lease: '30s' },
} as const

const SUBJECT = { tenant: 'acme-secret', user: 'ada@example.com' }
/** What must stand in no line: subjects as they are and as keys have them, leases, and what a store of the user says. */
const SECRETS = [/acme-secret/, /ada/, /example\.com/, /sl1:/, /password/, /leaseId/]

/** Everything a limiter can tell of: decisions, waits, errors, foreign values, lost leases, an outage, listeners that throw. */
async function liveThrough(options: { logSubjects?: boolean; level?: string }) {
  const { logger, lines } = pinoLines(options.level)
  const clock = new FakeClock()
  const texts = new Map<string, string>()
  let isDown = false
  const get = (key: string) => {
    if (isDown) throw new Error(`cannot get ${key}: wrong password`)
    return texts.get(key)
  }
  const limiter = createLimiter({
    store: {
      get,
      set: (key: string, text: string) => texts.set(key, text),
      delete: key => texts.delete(key),
    },
    policies: POLICIES,
    clock,
    logger,
    ...(options.logSubjects !== undefined && { logSubjects: options.logSubjects }),
  })
  const stop = limiter.on('decision', ({ asked }) => {
    throw new Error(`no place for ${JSON.stringify(asked)}, password or not`)
  })
  await limiter.check('api', SUBJECT)
  stop()
  await limiter.check('api', SUBJECT)
  const waiting = limiter.wait('api', SUBJECT, { maxWait: '2m' })
  while (limiter.metrics().waiting === 0) await new Promise(setImmediate)
  await clock.advance('1m')
  await waiting
  const [key = ''] = texts.keys()
  texts.set(key, 'nobody wrote this')
  await limiter.check('api', SUBJECT).catch(() => {})
  await limiter.check('api', { ...SUBJECT, user: 7 } as never).catch(() => {})
  await limiter.check('api', SUBJECT.user as never).catch(() => {})
  const held = await limiter.acquire('jobs', SUBJECT.user)
  for (const text of texts.keys()) if (text.includes('jobs')) texts.delete(text)
  if (held.acquired) await held.renew().catch(() => {})
  isDown = true
  for (let i = 0; i < 6; i++) await limiter.check('api', { ...SUBJECT, user: `ada-${i}` })
  isDown = false
  await clock.advance('2s')
  await limiter.ready()
  await limiter.close()
  return lines
}

describe('a limiter with a logger of pino', () => {
  test('tells what happened in a line each, and decisions where debug is on', async () => {
    const sentences = sentencesOf(await liveThrough({}))
    for (const sentence of [
      '40 limits are counted in a store of get and set, which is not safe for several processes',
      '20 allowed',
      '20 refused',
      "40 a listener of 'decision' failed: Error at ",
      '20 a call waited',
      '40 a call failed',
      '40 a lease ended before it was released',
      '20 a call went on without the store',
      '50 the store is down; calls are decided without it',
      '30 the store decides again',
    ]) {
      expect(sentences).toContainEqual(expect.stringMatching(sentence.replace(/[.?()[\]]/g, '\\$&')))
    }
  })

  test('names no user, tenant, key or lease at any level', async () => {
    const lines = await liveThrough({})
    expect(lines.length).toBeGreaterThan(15)
    for (const line of lines) for (const secret of SECRETS) expect(line).not.toMatch(secret)
  })

  test('names them where it is asked to', async () => {
    const text = (await liveThrough({ logSubjects: true })).join('')
    for (const secret of SECRETS) expect(text).toMatch(secret)
  })

  test('at info, says nothing of single calls that were decided', async () => {
    const sentences = sentencesOf(await liveThrough({ level: 'info' }))
    expect(sentences.filter(sentence => sentence.startsWith('20'))).toEqual([])
    expect(sentences).toContain('50 the store is down; calls are decided without it')
  })
})

test('a logger that throws breaks no call', async () => {
  const broken = () => {
    throw new Error('disk full')
  }
  const logger = { debug: broken, info: broken, warn: broken, error: broken }
  const warned = new Promise<Error>(resolve => process.once('warning', resolve))
  const limiter = createLimiter({ policies: POLICIES, logger })
  expect((await limiter.check('api', SUBJECT)).allowed).toBe(true)
  expect(await warned).toMatchObject({
    name: 'SluiceWarning',
    message: expect.stringMatching(/^the logger failed: Error at /),
  })
  await limiter.close()
})

test('what is no logger is refused, and told what it lacks', () => {
  const logger = { info: () => {}, warn: () => {} } as never
  expect(() => createLimiter({ policies: POLICIES, logger })).toThrow(
    "logger: an object is no logger such as pino's: it has no 'debug', 'error'",
  )
  expect(() => createLimiter({ policies: POLICIES, logSubjects: 'yes' as never })).toThrow(/logSubjects/)
})
