import { Redis } from 'ioredis'

/** What a server holds at a key. */
interface HeldKey {
  readonly type: string
  /** Hex; of a sorted set its members and scores in order. */
  readonly bytes: string
  /** By the server's clock; -1: never. */
  readonly endMs: number
}

/** All keys of a server, by name. */
export async function readKeys(url: string): Promise<Readonly<Record<string, HeldKey>>> {
  const redis = new Redis(url)
  try {
    const keys = (await redis.keys('*')).sort()
    return Object.fromEntries(
      await Promise.all(keys.map(async key => [key, await readKey(redis, key)] as const)),
    )
  } finally {
    redis.disconnect()
  }
}

async function readKey(redis: Redis, key: string): Promise<HeldKey> {
  const type = await redis.type(key)
  const value =
    type === 'zset' ? await redis.zrangeBuffer(key, '0', '-1', 'WITHSCORES') : [await redis.getBuffer(key)]
  const bytes = value.map(part => part?.toString('hex')).join(' ')
  return { type, bytes, endMs: await redis.pexpiretime(key) }
}
