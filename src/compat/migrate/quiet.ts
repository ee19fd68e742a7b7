import type { RedisClient } from '../../redis/redis-client.js'
import { pause } from './pause.js'
import type { Primaries, RawKey } from './primaries.js'

/** Idle times count whole seconds, by a clock that may lag one behind. */
const IDLE_COARSENESS_S = 2
const MS_US = 1000

/** A key that somebody uses, and by what it was told. */
export interface LiveKey {
  readonly key: string
  readonly sign: string
}

export interface SampledKey {
  readonly client: RedisClient
  readonly raw: RawKey
}

/**
 * Looks at the same keys once more: did anybody but us use them in between? A limiter that still runs changes what they
 * hold, moves their end, or reads them, which ends their idle time.
 *
 * @param waitMs between the two looks, at least
 * @returns the first key that was used
 */
export async function findLive(
  primaries: Primaries,
  sample: readonly SampledKey[],
  waitMs: number,
  signal: AbortSignal | undefined,
): Promise<LiveKey | undefined> {
  if (sample.length === 0) return undefined
  await pause(waitMs, signal)
  for (const { client, raw: before } of sample) {
    const after = await primaries.read(client, before.key)
    const sign = signOfUse(before, after)
    if (sign !== undefined) return { key: before.key, sign }
  }
  return undefined
}

function signOfUse(before: RawKey, after: RawKey): string | undefined {
  // Its end was to come, and did.
  if (after.type === 'none') return undefined
  if (after.type !== before.type || !isSame(before.content, after.content)) return 'its content has changed'
  if (after.endMs !== before.endMs) return 'its end has moved'
  const elapsedS = (after.nowUs - before.nowUs) / (1000 * MS_US)
  if (after.idleS >= 0 && after.idleS < elapsedS - IDLE_COARSENESS_S) return 'somebody has read it'
  return undefined
}

const isSame = (a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean =>
  a.length === b.length && a.every((bytes, i) => Buffer.compare(bytes, b[i] as Uint8Array) === 0)
