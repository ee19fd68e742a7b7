import { Refusal, show } from '../../policy/refusal.js'
import type { HeaderFormat } from '../headers/header-writer.js'
import type { Awaitable, RequestOptions } from './request-options.js'

const OF_THE_LIMITER =
  "is of the limiter: make one with createLimiter({ store, policies }), and give 'limiter' and 'policy'"
const TIME = "is 'windowMs', or the time of a rate such as '100/m'"
const BLOCK = 'is limiter.block(policy, subject, { for })'
const TOLD = "is limiter.on('decision', …), or a 'handler'"
const FORMAT = "is 'headers'; 'none' writes no field"

/**
 * What other rate limiters have and we do not, by their names for it: what does that here. Of express-rate-limit and
 * express-slow-down, @fastify/rate-limit, hono-rate-limiter, koa-ratelimit, @nestjs/throttler and rate-limiter-flexible.
 */
export const ELSEWHERE: Readonly<Record<string, string>> = {
  max: "is 'limit'",
  store: OF_THE_LIMITER,
  redis: OF_THE_LIMITER,
  db: OF_THE_LIMITER,
  driver: OF_THE_LIMITER,
  storage: OF_THE_LIMITER,
  nameSpace: "is 'prefix' of createLimiter",
  passOnStoreError:
    "is 'onStoreFailure' of a policy or of createLimiter: 'open' lets requests pass, the default counts them in this process",
  identifier: "is the name of the policy: make a limiter with createLimiter, and give 'limiter' and 'policy'",
  retryAfter: "is told as it is; with 'headers: 'none'' write fields of your own in a 'handler'",
  logger: "is not needed: listen to the limiter, limiter.on('error', …)",
  onLimitReached: TOLD,
  onExceeded: TOLD,
  onExceeding: TOLD,
  onBanReach: TOLD,
  timeWindow: TIME,
  ttl: TIME,
  ban: BLOCK,
  blockDuration: BLOCK,
  skipOnError: "is 'onStoreFailure' of a policy or of createLimiter",
  errorResponseBuilder: "is 'message', or a 'handler'",
  errorMessage: "is 'message'",
  throw: "is a 'handler' that throws",
  addHeaders: FORMAT,
  setHeaders: FORMAT,
  disableHeader: FORMAT,
  enableDraftSpec: "is headers: 'draft-6'",
  id: "is 'key'",
  getTracker: "is 'key'",
  generateKey: "is 'key'",
  skipIf: "is 'skip'",
  ignoreUserAgents: "is 'skip', which may look at the request",
  throttlers: "are 'checks', each with a policy of a 'limiter'",
  hook: "is where it stands: app.addHook('preHandler', rateLimit(…))",
  delayAfter: "is a policy of a 'leaky_bucket' with mode: 'shape'",
  delayMs: "is a policy of a 'leaky_bucket' with mode: 'shape'",
  points: "is 'limit'",
  duration: TIME,
  whitelist: "is 'allowList'",
  blacklist: "is 'denyList'",
}

const STANDARD: Readonly<Record<string, HeaderFormat>> = {
  'draft-6': 'draft-6',
  'draft-7': 'draft-7',
  'draft-8': 'draft-11',
}

/** The header formats that `legacyHeaders` and `standardHeaders` mean: by themselves, the legacy ones. */
export function readFamiliarHeaders(
  legacy: unknown,
  standard: unknown,
): HeaderFormat | readonly HeaderFormat[] | Refusal {
  if (legacy !== undefined && typeof legacy !== 'boolean') {
    return new Refusal(`${show(legacy)} is not true or false`)
  }
  const formats: HeaderFormat[] = legacy === false ? [] : ['x']
  if (standard !== undefined && standard !== false) {
    const format = standard === true ? 'draft-6' : STANDARD[String(standard)]
    if (format === undefined) {
      return new Refusal(
        `${show(standard)} is unknown; accepted are true, false, ${Object.keys(STANDARD).join(', ')}`,
      )
    }
    formats.push(format)
  }
  return formats.length === 0 ? 'none' : formats
}

type Familiar<A extends readonly unknown[]> = Pick<
  RequestOptions<A, unknown, unknown>,
  'skipFailedRequests' | 'skipSuccessfulRequests' | 'requestWasSuccessful'
>

/** `countWhen` as `skipFailedRequests` and `skipSuccessfulRequests` say it; undefined where neither does. */
export function familiarCountWhen<A extends readonly unknown[], R>(
  { skipFailedRequests, skipSuccessfulRequests, requestWasSuccessful }: Familiar<A>,
  statusOf: (response: R) => number,
): ((response: R, ...args: A) => Awaitable<boolean>) | undefined {
  if (!skipFailedRequests && !skipSuccessfulRequests) return undefined
  return async (response, ...args) => {
    const succeeded =
      requestWasSuccessful === undefined ? statusOf(response) < 400 : await requestWasSuccessful(...args)
    return succeeded ? !skipSuccessfulRequests : !skipFailedRequests
  }
}
