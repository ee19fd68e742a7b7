import { systemClock } from '../core/time.js'
import { AtOnce } from '../limiter/at-once.js'
import type { LimiterOptions } from '../limiter/options.js'
import type { CallOptions, CheckItem, CostOptions, Limiter, MaxWait, WaitOptions } from '../limiter/types.js'
import { createLimiter } from '../limiter.js'
import type { DurationText, PoliciesInput } from '../policy.js'
import { ClientSignal } from './client-signal.js'
import type { Dimension } from './dimensions.js'
import type { GatewayConfig } from './gateway-config.js'
import { type GatewayRequest, identifyRequest } from './identity.js'
import { type GatewaySetup, LIMITER_OPTIONS, readGatewaySetup } from './read-config.js'
import { GatewayShadow, type ShadowCounts } from './shadow.js'
import { DecidedVerdict, type GatewayVerdict, UNLIMITED } from './verdict.js'

/** What a call takes besides the request. */
export interface GatewayCallOptions extends CallOptions, Pick<CostOptions, 'cost'> {}

/** Limits of a gateway by what requests are about. Made by `createGatewayLimits`. */
export interface GatewayLimits extends AsyncDisposable {
  /** Who decides: yours, or the one that was made. */
  readonly limiter: Limiter
  /** What the dimensions that only watch would have done, by their names. */
  readonly shadow: Readonly<Record<string, ShadowCounts>>
  /** How often the function of a scope threw, or answered no text, and the request counted as `default`. */
  readonly fallbacks: number
  /**
   * Takes `cost` units from every limit that applies if all of them have them, else from none. With
   * `backpressure.wait_for_capacity` it waits as `wait` does.
   *
   * @throws SubjectError where a part of the request is no text, or missing where it must not be; nothing is charged
   */
  check(request: GatewayRequest, options?: GatewayCallOptions): Promise<GatewayVerdict>
  /** As `check`, but where it would be refused it waits until it passes, for at most `maxWait`. */
  wait(request: GatewayRequest, options?: GatewayCallOptions & MaxWait): Promise<GatewayVerdict>
  /**
   * The header fields that tell a client of a verdict, as `headers` and `backpressure` say: none where nothing limits the
   * request.
   */
  headersOf(verdict: GatewayVerdict): Readonly<Record<string, string>>
  /** Closes the limiter if it was made here; yours stays open. */
  close(): Promise<void>
}

/**
 * Makes the limits of a gateway.
 *
 * ```ts
 * const limits = createGatewayLimits({ by_user: '30/m', by_tool: { search: '10/m', 'db_*': '2/s' } })
 * const { allowed, retryAfterMs } = await limits.check({ user, tool: 'search' })
 * ```
 *
 * @throws PolicyError listing everything that is wrong with the configuration
 */
export function createGatewayLimits<const P extends PoliciesInput>(config: GatewayConfig<P>): GatewayLimits {
  return new DimensionedLimits(config as unknown as GatewayConfig)
}

class DimensionedLimits implements GatewayLimits {
  readonly limiter: Limiter
  readonly #limiter: AtOnce
  readonly #ownsLimiter: boolean
  readonly #setup: GatewaySetup
  readonly #signal: ClientSignal
  /** Those that decide. */
  readonly #dimensions: readonly Dimension[]
  /** Those that only watch, where there are some. */
  readonly #shadow: GatewayShadow | undefined
  #fallbacks = 0

  constructor(config: GatewayConfig) {
    this.#setup = readGatewaySetup(config, (dimension, error) => {
      this.#fallbacks++
      config.onFallback?.(dimension, error)
    })
    const { policies } = this.#setup
    this.#ownsLimiter = config.limiter === undefined
    this.limiter = config.limiter?.define(policies) ?? createLimiter({ ...limiterOptions(config), policies })
    this.#limiter = new AtOnce(this.limiter)
    const watching = this.#setup.dimensions.filter(({ name }) => config.shadow?.includes(name))
    this.#dimensions = this.#setup.dimensions.filter(dimension => !watching.includes(dimension))
    if (watching.length > 0) this.#shadow = new GatewayShadow(watching, this.limiter, config.onShadow)
    this.#signal = new ClientSignal(this.#setup.signal, this.limiter, config.clock ?? systemClock)
  }

  get shadow(): Readonly<Record<string, ShadowCounts>> {
    return this.#shadow?.counts ?? {}
  }

  get fallbacks(): number {
    return this.#fallbacks
  }

  async check(request: GatewayRequest, options: GatewayCallOptions = {}): Promise<GatewayVerdict> {
    const items = this.#itemsOf(request, options)
    const [first] = items
    if (first === undefined) return UNLIMITED
    const { maxWait, dimensionOf } = this.#setup
    if (maxWait !== undefined) {
      return new DecidedVerdict(await this.limiter.waitAll(items, waitOptions(options, maxWait)), dimensionOf)
    }
    // What a single policy limits takes half as long as a list of one.
    const asked =
      items.length === 1
        ? this.#limiter.check(first.policy, first.subject, options)
        : this.#limiter.checkAll(items, options.signal)
    const decision = asked instanceof Promise ? await asked : asked
    return new DecidedVerdict(decision, dimensionOf)
  }

  async wait(request: GatewayRequest, options: GatewayCallOptions & MaxWait = {}): Promise<GatewayVerdict> {
    const items = this.#itemsOf(request, options)
    if (items.length === 0) return UNLIMITED
    const { maxWait, dimensionOf } = this.#setup
    return new DecidedVerdict(await this.limiter.waitAll(items, waitOptions(options, maxWait)), dimensionOf)
  }

  headersOf({ decision }: GatewayVerdict): Readonly<Record<string, string>> {
    return decision === undefined ? {} : this.#signal.fieldsOf(decision)
  }

  async close(): Promise<void> {
    if (this.#ownsLimiter) await this.limiter.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #itemsOf(request: GatewayRequest, { cost }: GatewayCallOptions): readonly CheckItem<PoliciesInput>[] {
    const call = identifyRequest(request)
    const items: CheckItem<PoliciesInput>[] = []
    this.#shadow?.watch(call, cost)
    for (const dimension of this.#dimensions) {
      const check = dimension.checkOf(call)
      if (check !== undefined) items.push(cost === undefined ? check : { ...check, cost })
    }
    return items
  }
}

/** What `waitAll` takes of a call's options: the cost is in each of the items. */
function waitOptions(
  { cost: _, ...options }: GatewayCallOptions & MaxWait,
  maxWait: DurationText | undefined,
): WaitOptions {
  return maxWait === undefined ? options : { maxWait, ...options }
}

/** Those of the options that `createLimiter` takes. */
const limiterOptions = (config: GatewayConfig): Omit<LimiterOptions, 'policies'> =>
  Object.fromEntries(Object.entries(config).filter(([name]) => LIMITER_OPTIONS.includes(name)))
