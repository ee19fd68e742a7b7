import type { Decision } from '../../decision.js'
import type { Limiter } from '../../limiter/types.js'
import { Refusal, show } from '../../policy/refusal.js'
import type { SetField } from './rate-limit-fields.js'
import { effectiveWindowSeconds, type Told } from './told.js'

/** A name of a field as RFC 9110 has it (a token): nothing that could begin another field. */
const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/

/** Fields with a syntax of their own. */
const STRUCTURED = ['ratelimit', 'ratelimit-policy']
/** Fields by which a message is read: a number there would break it. */
const FRAMING = [
  ...['connection', 'content-encoding', 'content-length', 'content-type', 'date', 'keep-alive', 'location'],
  ...['set-cookie', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'www-authenticate'],
]

/** The name of a header field that is to hold a time. */
export function readFieldName(value: unknown): string | Refusal {
  if (typeof value !== 'string' || !FIELD_NAME.test(value)) {
    return new Refusal(
      `${show(value)} is not the name of a header field; write one such as 'X-RateLimit-Reset'`,
    )
  }
  if (STRUCTURED.includes(value.toLowerCase())) {
    return new Refusal(`${show(value)} holds more than a time; a format of 'headers' writes it`)
  }
  if (FRAMING.includes(value.toLowerCase())) {
    return new Refusal(`${show(value)} says something else of a message; choose a field that is free`)
  }
  return value
}

/** As GitHub and format `x` have it: the only field that tells an instant. */
const TELLS_INSTANT = 'x-ratelimit-reset'

/**
 * Tells who was refused when to come again, and who was held back when everything is back: in s from now, rounded up, at
 * least 1; in `X-RateLimit-Reset` in s since the Unix epoch.
 */
export function writeBackpressure(name: string, told: Told, nowMs: number, set: SetField): void {
  const seconds = effectiveWindowSeconds(told)
  const tellsInstant = name.toLowerCase() === TELLS_INSTANT
  set(name, String(tellsInstant ? Math.ceil(nowMs / 1000) + seconds : Math.max(1, seconds)))
}

/** What was waited for on a limiter, by the decision that came in the end. */
export class Waits {
  static readonly #ofLimiter = new WeakMap<Limiter, Waits>()
  readonly #waitedMs = new WeakMap<Decision, number>()

  private constructor(limiter: Limiter) {
    limiter.on('waited', ({ decision, waitedMs }) => {
      if (decision !== undefined) this.#waitedMs.set(decision, waitedMs)
    })
  }

  /** One for all that use the limiter: it listens for as long as there is the limiter. */
  static of(limiter: Limiter): Waits {
    const known = Waits.#ofLimiter.get(limiter) ?? new Waits(limiter)
    Waits.#ofLimiter.set(limiter, known)
    return known
  }

  /** The request was made to wait: in line, or by a bucket that shapes. */
  isHeldBack(decision: Decision): boolean {
    return decision.delayMs > 0 || this.#waitedMs.has(decision)
  }
}
