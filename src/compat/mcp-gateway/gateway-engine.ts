import { z } from 'zod'
import { ALGORITHMS, type Algorithm } from '../../core/plan.js'
import { Op, Status } from '../../core/step.js'
import type { Clock } from '../../core/time.js'
import type { Check, CheckOutcome, DecideOptions, Engine, Outcome } from '../../engine/engine.js'
import { DialectError, ForeignValueError, WrongTypeError } from '../../errors.js'
import { list } from '../../policy/refusal.js'
import type { FixedWindowOptions, SlidingWindowOptions, TokenBucketOptions } from '../../policy.js'
import { loadScript, type Script } from '../../redis/scripts.js'
import type { DialectConnection } from '../dialects/dialect-store.js'
import { subjectText } from '../dialects/subject-text.js'
import { batchAnswer, type DimensionReply, type GatewayAnswer } from './batch-answer.js'
import type { GatewayRate, GatewaySetup } from './config.js'
import {
  dimensionsOf,
  type GatewayCall,
  type GatewayDimension,
  type GatewaySubject,
  readCall,
  TOOL_POLICY,
} from './dimensions.js'

export type GatewayPolicy = FixedWindowOptions | SlidingWindowOptions | TokenBucketOptions

const DIALECT = 'mcp-gateway'
const Dimension = z.tuple([z.int(), z.int(), z.int(), z.int(), z.int()])
const Reply = z.tuple([z.int()], Dimension)
/** Besides these, its keys have no form for what is asked. */
const OPS: readonly Op[] = [Op.consume, Op.peek, Op.reset]

/** Decides on the keys of the MCP gateway's limiter. */
export class GatewayEngine implements Engine {
  readonly source = 'redis'
  readonly countsRefusals = true
  /** `by_user`, `by_user_per_server`, `by_tenant` and `by_tool.<tool>`, those of them that the configuration sets. */
  readonly policies: Readonly<Record<string, GatewayPolicy>>
  readonly #setup: GatewaySetup
  readonly #connection: DialectConnection
  readonly #clock: Clock | undefined
  readonly #script: Script

  constructor(setup: GatewaySetup, connection: DialectConnection, clock: Clock | undefined) {
    this.#setup = setup
    this.#connection = connection
    this.#clock = clock
    this.#script = loadScript('compat/mcp_gateway')
    this.policies = policiesOf(setup)
  }

  /**
   * Counts one call by every dimension that the configuration has for it, in one round trip, and answers as the gateway's
   * own limiter does. Each dimension is charged on its own: a call that one refuses still counts in the others.
   *
   * @throws SubjectError where the gateway would answer `RATE_LIMIT_CONTEXT_MISSING`; nothing is counted then
   * @throws WrongTypeError, ForeignValueError when a key holds something else; nothing is counted then
   */
  async evaluate(call: GatewayCall, options?: DecideOptions): Promise<GatewayAnswer> {
    const subject = readCall(this.#setup, call)
    const dimensions = dimensionsOf(this.#setup, subject)
    if (dimensions.length === 0) return batchAnswer(this.#setup.algorithm, subject, [], [], 0)
    const asked = dimensions.map(dimension => ({ ...dimension, n: 1 }))
    const { nowUs, replies } = await this.#ask(asked, Op.consume, options)
    for (const [i, [status]] of replies.entries()) {
      const { policy, key } = dimensions[i] as GatewayDimension
      if (status === Status.wrongType) throw new WrongTypeError(policy, key)
      if (status === Status.foreignValue) throw new ForeignValueError(policy, key)
    }
    return batchAnswer(this.#setup.algorithm, subject, dimensions, replies, nowUs)
  }

  async decide(request: readonly Check[], options?: DecideOptions): Promise<Outcome> {
    const [{ op } = { op: Op.consume }] = request
    if (!OPS.includes(op) || request.some(check => check.op !== op)) {
      throw new DialectError(
        DIALECT,
        'takes checks, peeks and resets, and each kind alone: leave it for anything else',
      )
    }
    const asked = request.map(check => ({ ...this.#dimensionOf(check), n: check.n }))
    if (op === Op.consume && asked.some(({ n, limit }) => n > limit)) {
      const checks = asked.map(({ n, limit }) =>
        n > limit ? IMPOSSIBLE : { ...IMPOSSIBLE, status: Status.denied },
      )
      return { nowUs: 0, checks }
    }
    const { nowUs, replies } = await this.#ask(asked, op, options)
    const isBucket = this.#setup.algorithm === 'token_bucket'
    const checks = replies.map(([status, a, , waitUs, resetUs], i): CheckOutcome => {
      const { limit, n } = asked[i] as GatewayRate & { n: number }
      const granted = op === Op.consume && status === Status.allowed ? n : 0
      const remaining = status < 0 ? 0 : Math.max(0, isBucket ? a : limit - a)
      return { status: status as Status, granted, remaining, waitUs, resetUs }
    })
    return { nowUs, checks }
  }

  ready(): Promise<void> {
    return this.#connection.ready()
  }

  close(): Promise<void> {
    return this.#connection.close()
  }

  async #ask(
    asked: readonly (GatewayDimension & { readonly n: number })[],
    op: Op,
    options: DecideOptions | undefined,
  ): Promise<{ readonly nowUs: number; readonly replies: readonly DimensionReply[] }> {
    const { algorithm, generation } = this.#setup
    const wholeSeconds = generation === 'in-tree' ? 0 : 1
    const common = [ALGORITHMS.indexOf(algorithm) + 1, op, wholeSeconds, this.#clock?.nowUs() ?? 0]
    const run = (part: typeof asked) =>
      this.#connection.run(
        this.#script,
        Reply,
        part.map(({ key }) => key),
        [...common, ...part.flatMap(({ limit, windowS, n }) => [limit, windowS, n])].map(String),
        options,
      )
    // Its keys have no hash tags: in a cluster each is asked for where it is. They are charged each on its own anyway.
    const parts = await Promise.all(
      this.#connection.isCluster ? asked.map(dimension => run([dimension])) : [run(asked)],
    )
    const nowUs = Math.max(...parts.map(([partUs]) => partUs))
    return { nowUs, replies: parts.flatMap(([, ...replies]) => replies) }
  }

  #dimensionOf({ limit, subject }: Check): GatewayDimension {
    const { policy } = limit
    if (!Object.hasOwn(this.policies, policy)) {
      const names = list(Object.keys(this.policies))
      throw new DialectError(DIALECT, `has no dimension '${policy}'; by its configuration there are ${names}`)
    }
    this.#assertPlan(limit, limit.plan.algorithm)
    const own = dimensionsOf(this.#setup, this.#subjectOf(policy, subject)).find(
      dimension => dimension.policy === policy,
    )
    if (own === undefined) {
      throw new DialectError(
        DIALECT,
        `cannot count by '${policy}' without a tenant: give { tenant } in the subject`,
      )
    }
    // The limit may be another one for this call; the window stands in the key.
    return { ...own, limit: limit.limit }
  }

  #assertPlan({ policy, windowMs, plan, limit }: Check['limit'], algorithm: Algorithm): void {
    const { window } = this.policies[policy] as GatewayPolicy
    const isOwn = algorithm === this.#setup.algorithm && `${windowMs / 1000} s` === window
    if (isOwn && !('burst' in plan && plan.burst !== limit)) return
    throw new DialectError(
      DIALECT,
      `counts by ${this.#setup.algorithm} of ${window}, and policy '${policy}' is another: take the policies of the engine`,
    )
  }

  /** A plain text is the user, or for `by_tenant` the tenant; a record has `user`, `tenant`, `server`. */
  #subjectOf(policy: string, identity: string): GatewaySubject {
    const text = subjectText(DIALECT, policy, identity)
    const part = policy === 'by_tenant' ? 'tenant' : policy.startsWith(TOOL_POLICY) ? 'tool' : 'user'
    const parts = typeof text === 'string' ? new Map([[part, text]]) : text
    return readCall(this.#setup, {
      user: parts.get('user'),
      tenantId: parts.get('tenant') ?? null,
      serverId: parts.get('server') ?? (policy === 'by_user_per_server' ? null : 'none'),
      ...(policy.startsWith(TOOL_POLICY) && { tool: policy.slice(TOOL_POLICY.length) }),
    })
  }
}

const IMPOSSIBLE = { status: Status.impossible, granted: 0, remaining: 0, waitUs: 0, resetUs: 0 }

export function policiesOf(setup: GatewaySetup): Readonly<Record<string, GatewayPolicy>> {
  const { algorithm, byUser, byUserPerServer, byTenant, byTool } = setup
  const rates: readonly (readonly [string, GatewayRate | undefined])[] = [
    ['by_user', byUser],
    ['by_user_per_server', byUserPerServer],
    ['by_tenant', byTenant],
    ...[...byTool].map(([tool, rate]) => [`${TOOL_POLICY}${tool}`, rate] as const),
  ]
  return Object.fromEntries(
    rates.flatMap(([name, rate]) =>
      rate === undefined ? [] : [[name, { algorithm, limit: rate.limit, window: `${rate.windowS} s` }]],
    ),
  )
}
