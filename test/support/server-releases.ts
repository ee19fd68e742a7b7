const REDIS_7_0 = 'redis 7.0'
const REDIS_8_0 = 'redis 8.0'
const VALKEY_8_1 = 'valkey 8.1'
const VALKEY_9_1 = 'valkey 9.1'

/** Which servers can take over from which: what one writes to its replicas, the other must read. */
const TAKEN_OVER_BY: Readonly<Record<string, readonly string[]>> = {
  [REDIS_7_0]: [REDIS_8_0, VALKEY_8_1, VALKEY_9_1],
  [VALKEY_8_1]: [REDIS_8_0, VALKEY_9_1],
  [VALKEY_9_1]: [REDIS_8_0, VALKEY_8_1],
  [REDIS_8_0]: [],
}

/** Product and release that the name of an image tells: `redis 7.0` of `redis:7.0.15-alpine`, whatever the registry. */
function releaseOf(image: string): string | undefined {
  const [, product, release] = /(?:^|\/)(redis|valkey):(\d+\.\d+)/.exec(image) ?? []
  return product && `${product} ${release}`
}

interface Succession {
  readonly from: string
  readonly to: string
  /** Undefined: nothing is known of the two, and either is fine. */
  readonly can: boolean | undefined
}

/** Every image with every one, itself included: the most usual move is to another server of the same kind. */
export const successions = (images: readonly string[]): Succession[] =>
  images.flatMap(from =>
    images.map(to => ({ from, to, can: from === to || canTakeOver(releaseOf(from), releaseOf(to)) })),
  )

function canTakeOver(from: string | undefined, to: string | undefined): boolean | undefined {
  if (from === undefined || to === undefined) return undefined
  return to in TAKEN_OVER_BY ? TAKEN_OVER_BY[from]?.includes(to) : undefined
}

/** Where fleets move to under load, server after server. */
const ROUTES = [
  [REDIS_7_0, VALKEY_8_1, VALKEY_9_1],
  [VALKEY_8_1, REDIS_8_0],
]

/** The routes that these images make possible; with other images, from the first to another of its kind. */
export function routesThrough(images: readonly string[]): string[][] {
  const routes = ROUTES.map(route =>
    route.flatMap(release => images.find(image => releaseOf(image) === release) ?? []),
  ).filter((route, i) => route.length === ROUTES[i]?.length)
  return routes.length > 0 ? routes : [[images[0], images[0]] as string[]]
}
