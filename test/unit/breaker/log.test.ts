import { expect, test } from 'vitest'
import { createBreaker } from '../../../src/breaker/index.js'
import { FakeClock } from '../../../src/testing/fake-clock.js'
import { pinoLines, sentencesOf } from '../../support/log-lines.js'

const SESSION = 'session-of-ada'
const SECRETS = [/session-of-ada/, /sl1:/, /password/]

/** A circuit that opens and closes, in a store that holds what is none of ours and then fails. */
async function liveThrough(logSubjects?: boolean): Promise<readonly string[]> {
  const { logger, lines } = pinoLines()
  const clock = new FakeClock()
  const texts = new Map<string, string>()
  let isDown = false
  const store = {
    get: (key: string) => {
      if (isDown) throw new Error(`no ${key}: wrong password`)
      return texts.get(key)
    },
    set: (key: string, text: string) => void texts.set(key, text),
  }
  const options = { clock, logger, scope: 'PerSession', failureThreshold: 1, successThreshold: 1 } as const
  const breaker = createBreaker({ ...options, store, ...(logSubjects !== undefined && { logSubjects }) })
  const call = (fails: boolean) =>
    breaker
      .run({ session: SESSION }, () => {
        if (fails) throw new Error(`${SESSION} has the wrong password`)
      })
      .catch(() => {})
  await call(true)
  await breaker.flush()
  await call(false)
  await clock.advance('31s')
  await call(false)
  await breaker.flush()
  for (const key of texts.keys()) texts.set(key, 'nobody wrote this')
  await clock.advance('2s')
  await call(true)
  texts.clear()
  for (let i = 0; i < 20; i++) {
    isDown = i > 2
    await clock.advance('2s')
    await call(true)
    await breaker.flush()
  }
  breaker.update({ failureThreshold: 2 })
  isDown = false
  await clock.advance('2s')
  await breaker.close()
  return lines
}

test('a breaker with a logger of pino tells of circuits and outages, and names nobody at any level', async () => {
  const lines = await liveThrough()
  for (const line of lines) for (const secret of SECRETS) expect(line).not.toMatch(secret)
  const sentences = sentencesOf(lines)
  for (const sentence of [
    '20 a call failed',
    '20 a call was refused',
    '40 a circuit changed its state',
    '30 a circuit changed its state',
    "40 a circuit of breaker 'default' cannot be kept in the store, and is kept here alone",
    '50 the store is down; this process goes on alone',
    '30 thresholds changed',
    '30 the store decides again',
  ]) {
    expect(sentences).toContain(sentence)
  }
})

test('a breaker names circuits in its log where it is asked to', async () => {
  const text = (await liveThrough(true)).join('')
  for (const secret of SECRETS) expect(text).toMatch(secret)
})
