import { Counter, Gauge, type Registry } from 'prom-client'
import { type Decided, isRequest } from '../events.js'
import type { SeriesKeys } from './series-keys.js'
import { verdictsOf } from './verdicts.js'

type Labels = 'scope' | 'key'
const labelNames: Labels[] = ['scope', 'key']

/** The three series of rate limits by scope and key, under the names that MCP gateways are watched by. */
export class LimitSeries {
  readonly #allowed: Counter<Labels>
  readonly #rejected: Counter<Labels>
  readonly #usage: Gauge<Labels>
  readonly #keys: SeriesKeys
  readonly #scopeOf: (policy: string) => string

  constructor(registry: Registry, keys: SeriesKeys, scopeOf: (policy: string) => string) {
    const registers = [registry]
    this.#keys = keys
    this.#scopeOf = scopeOf
    this.#allowed = new Counter({
      name: 'mcp_rate_limit_requests_allowed_total',
      help: 'Requests that passed.',
      labelNames,
      registers,
    })
    this.#rejected = new Counter({
      name: 'mcp_rate_limit_requests_rejected_total',
      help: 'Requests that this limit refused.',
      labelNames,
      registers,
    })
    this.#usage = new Gauge({
      name: 'mcp_rate_limit_current_usage',
      help: 'Share of the limit in use when it was last asked: 0.85 is 85 %.',
      labelNames,
      registers,
    })
  }

  count({ call, asked, decision }: Decided): void {
    if (!isRequest(call)) return
    for (const { policy, subject, allowed, usage } of verdictsOf(asked, decision)) {
      const scope = this.#scopeOf(policy)
      const labels = { scope, key: this.#keys.labelOf(scope, subject, policy) }
      if (allowed === true) this.#allowed.inc(labels)
      if (allowed === false) this.#rejected.inc(labels)
      // Of an outage, nobody knows what is in use.
      if (Number.isFinite(usage) && decision.reason !== 'store-unavailable') this.#usage.set(labels, usage)
    }
  }
}
