/** A server as the tables below name it. */
export const REDIS_7_0 = 'redis 7.0'
export const REDIS_8_0 = 'redis 8.0'
export const VALKEY_8_1 = 'valkey 8.1'
export const VALKEY_9_1 = 'valkey 9.1'

/** Which servers can take over from which: what one writes to its replicas, the other must read. */
const TAKEN_OVER_BY: Readonly<Record<string, readonly string[]>> = {
  [REDIS_7_0]: [REDIS_8_0, VALKEY_8_1, VALKEY_9_1],
  [VALKEY_8_1]: [REDIS_8_0, VALKEY_9_1],
  [VALKEY_9_1]: [REDIS_8_0, VALKEY_8_1],
  [REDIS_8_0]: [],
}

/** Product and release that the name of an image tells: `redis 7.0` of `mirror.example/library/redis:7.0.15-alpine`. */
export function releaseOf(image: string): string | undefined {
  const [, product, release] = /(?:^|\/)(redis|valkey):(\d+\.\d+)/.exec(image) ?? []
  return product && `${product} ${release}`
}

export interface Succession {
  readonly from: string
  readonly to: string
  /** Undefined: nothing is known of the two, and either is fine. */
  readonly can: boolean | undefined
}

/** Every pair of different images. */
export function successions(images: readonly string[]): Succession[] {
  return images.flatMap(from =>
    images
      .filter(to => to !== from)
      .map(to => ({ from, to, can: canTakeOver(releaseOf(from), releaseOf(to)) })),
  )
}

function canTakeOver(from: string | undefined, to: string | undefined): boolean | undefined {
  if (from === undefined || to === undefined) return undefined
  return to in TAKEN_OVER_BY ? TAKEN_OVER_BY[from]?.includes(to) : undefined
}
