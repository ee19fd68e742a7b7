import { SubjectError } from '../../errors.js'
import { show } from '../../policy/refusal.js'
import { type GatewayGeneration, type GatewayRate, type GatewaySetup, toolName } from './config.js'

/** One call of a tool or prompt, as the gateway sees it. */
export interface GatewayCall {
  /** A name or number, or an object of which `email`, `id` or `sub` is one. Whoever has none is `anonymous`. */
  readonly user?: unknown
  readonly tenantId?: string | null
  /** Name of the tool, or id of the prompt: they share their counters. */
  readonly tool?: string
  /** Needed where `by_user_per_server` is set. */
  readonly serverId?: string | null
}

/** One limit that a call is counted by. */
export interface GatewayDimension extends GatewayRate {
  /** Name of its policy: `by_user`, `by_user_per_server`, `by_tenant` or `by_tool.<tool>`. */
  readonly policy: string
  readonly key: string
}

export const TOOL_POLICY = 'by_tool.'

/** Who is counted, normalised as the generation does it. */
export interface GatewaySubject {
  readonly user: string
  readonly tenant: string | undefined
  readonly tool: string | undefined
  readonly server: string | undefined
}

const SERVER_ID = /^[A-Za-z0-9_.-]{1,128}$/

/** @throws SubjectError for a tenant, tool or server that the gateway would not take either */
export function readCall(setup: GatewaySetup, call: GatewayCall): GatewaySubject {
  const { tenantId, tool, serverId } = call
  const { generation } = setup
  return {
    user: userName(generation, call.user),
    tenant: text('by_tenant', 'tenantId', tenantId)?.trim() || undefined,
    tool: tool === undefined ? undefined : toolName(generation, text('by_tool', 'tool', tool) ?? ''),
    server: setup.byUserPerServer && readServer(serverId),
  }
}

const text = (policy: string, part: string, value: unknown): string | undefined => {
  if (value === undefined || value === null || typeof value === 'string') return value ?? undefined
  throw new SubjectError(policy, part, `${part}: ${show(value)} is not a text, so the call has no counter`)
}

function readServer(serverId: unknown): string {
  const server = text('by_user_per_server', 'serverId', serverId)?.trim() ?? ''
  if (SERVER_ID.test(server)) return server
  throw new SubjectError(
    'by_user_per_server',
    'serverId',
    server === ''
      ? 'serverId is required where by_user_per_server is configured'
      : `serverId: ${show(server)} may have ASCII letters, digits, '-', '_' and '.' only, 128 at most`,
  )
}

/** What Python writes for a value that stands for a user. */
const written = (value: unknown): string =>
  value === undefined || value === null ? '' : String(value).trim()

function userName(generation: GatewayGeneration, user: unknown): string {
  const isInTree = generation === 'in-tree'
  const name = written(typeof user === 'object' && user !== null ? identityOf(user, isInTree) : user)
  const identity = name === '' ? 'anonymous' : name
  return isInTree ? identity.replaceAll(':', '_') : identity
}

/** In-tree the first that Python takes for true, even if it is blank; later the first that is not blank. */
function identityOf(user: object, isInTree: boolean): unknown {
  const named = user as Readonly<Record<string, unknown>>
  const candidates = ['email', 'id', 'sub'].map(name =>
    Object.hasOwn(named, name) ? named[name] : undefined,
  )
  return candidates.find(value => (isInTree ? Boolean(value) : written(value) !== ''))
}

/**
 * The dimensions that a call is counted by, in the gateway's order: user, user on a server, tenant, tool. Nothing in a key
 * is escaped there, so names that hold a `:` can meet in one key; that is kept.
 */
export function dimensionsOf(setup: GatewaySetup, subject: GatewaySubject): readonly GatewayDimension[] {
  const { byUser, byUserPerServer, byTenant, byTool } = setup
  const { user, tenant, tool, server } = subject
  const toolRate = tool === undefined ? undefined : byTool.get(tool)
  const all: readonly (readonly [string, GatewayRate | undefined, string | undefined])[] = [
    ['by_user', byUser, `user:${user}`],
    ['by_user_per_server', byUserPerServer, server && `user:${user}:server:${server}`],
    ['by_tenant', byTenant, tenant && `tenant:${tenant}`],
    [`${TOOL_POLICY}${tool}`, toolRate, `tool:${tool}`],
  ]
  return all.flatMap(([policy, rate, path]) =>
    rate === undefined || path === undefined
      ? []
      : [{ policy, ...rate, key: keyOf(setup, tenant, path, rate.windowS) }],
  )
}

function keyOf(
  { prefix, generation }: GatewaySetup,
  tenant: string | undefined,
  path: string,
  windowS: number,
): string {
  const hasTenant = tenant !== undefined && (generation === '0.1.7' || generation === '0.1.12')
  return [prefix, ...(hasTenant ? [tenant] : []), path, windowS].join(':')
}
