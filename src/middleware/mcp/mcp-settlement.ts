import type { Receipt } from '../../decision.js'
import { warnProcess } from '../../events.js'
import type { Limiter } from '../../limiter/types.js'
import { show } from '../../policy/refusal.js'
import type { McpExtra, McpRequest } from './mcp-call.js'
import type { McpEnded, McpLimitOptions } from './mcp-options.js'

/** What a request was charged, until its handler tells whether it counts. */
export class McpSettlement {
  readonly #limiter: Limiter
  readonly #receipt: Receipt
  readonly #countWhen: NonNullable<McpLimitOptions['countWhen']>

  constructor(limiter: Limiter, receipt: Receipt, countWhen: NonNullable<McpLimitOptions['countWhen']>) {
    this.#limiter = limiter
    this.#receipt = receipt
    this.#countWhen = countWhen
  }

  /** Gives back what does not count. Never rejects: what cannot be told, or given back, stays counted. */
  async settle(ended: McpEnded, request: McpRequest, extra: McpExtra): Promise<void> {
    try {
      if (await this.#countWhen(ended, request, extra)) return
    } catch (error) {
      warnProcess(`limitMcp: 'countWhen' failed, and a request of ${show(request.method)} counts`, error)
      return
    }
    // What cannot be given back, the limiter tells as `error`.
    await this.#limiter.refund(this.#receipt).catch(() => {})
  }
}
