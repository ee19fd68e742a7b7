import type { Redis } from 'ioredis'

/** Shorter than every window and block of the tests, longer than a test may take. */
const SETTLED_MS = 1_800_000

export type Settled = 'half an hour left' | 'no end'

/** Gives keys one end, so that it shows when somebody moves it. Absent keys stay absent. */
export async function settleEnds(redis: Redis, keys: readonly string[], settled: Settled): Promise<void> {
  const endMs = (await serverMs(redis)) + SETTLED_MS
  for (const key of keys) await (settled === 'no end' ? redis.persist(key) : redis.pexpireat(key, endMs))
}

/** What became of a key's end: `absent`, `endless` and `kept` as they say, else the life in ms that it was given. */
export type EndOfKey = 'absent' | 'endless' | 'kept' | number

/**
 * Does something and tells what became of the ends of keys. However long it takes, the words are the same: an end that was
 * moved lies one of `livesMs` after an instant of the act, by the server's own clock.
 *
 * @param livesMs that keys may be given
 */
export async function endsAfter(
  redis: Redis,
  keys: readonly string[],
  livesMs: readonly number[],
  act: () => Promise<unknown>,
): Promise<readonly EndOfKey[]> {
  const before = await readEnds(redis, keys)
  const fromMs = await serverMs(redis)
  await act()
  const toMs = await serverMs(redis)
  const after = await readEnds(redis, keys)
  return after.map((endMs, i) => {
    if (endMs === -2) return 'absent'
    if (endMs === -1) return 'endless'
    if (endMs === before[i]) return 'kept'
    return livesMs.find(lifeMs => fromMs + lifeMs <= endMs && endMs <= toMs + lifeMs) ?? endMs - toMs
  })
}

const readEnds = (redis: Redis, keys: readonly string[]): Promise<number[]> =>
  Promise.all(keys.map(key => redis.pexpiretime(key)))

async function serverMs(redis: Redis): Promise<number> {
  const [seconds, micros] = (await redis.time()) as unknown as [string, string]
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000)
}
