/** What the server of the SDK hands a request handler besides the request, as far as limits go by it. */
export interface McpExtra {
  /** Aborts when the client cancels the request, or goes away. */
  readonly signal?: AbortSignal
  readonly sessionId?: string | undefined
  /** Who the client is, by the authorization of its transport. */
  readonly authInfo?:
    | { readonly clientId?: string; readonly extra?: Readonly<Record<string, unknown>> }
    | undefined
  readonly requestInfo?: { readonly headers?: Readonly<Record<string, unknown>> } | undefined
}

/** A request of JSON-RPC, as it came. */
export interface McpRequest {
  readonly method: string
  readonly params?: Readonly<Record<string, unknown>> | undefined
}

/** The families of names that have limits of their own. */
export const FAMILIES = ['tools', 'prompts', 'resources', 'methods'] as const
export type Family = (typeof FAMILIES)[number]

/** The method that asks for one of a family, and the parameter that names it. */
const NAMED_BY: ReadonlyMap<string, { family: Exclude<Family, 'methods'>; parameter: string }> = new Map([
  ['tools/call', { family: 'tools', parameter: 'name' }],
  ['prompts/get', { family: 'prompts', parameter: 'name' }],
  ['resources/read', { family: 'resources', parameter: 'uri' }],
  ['resources/subscribe', { family: 'resources', parameter: 'uri' }],
])

/** Which of a family a request asks for; undefined: none, or it does not say. */
export function namedBy({ method, params }: McpRequest): { family: Family; name: string } | undefined {
  const named = NAMED_BY.get(method)
  if (named === undefined) return undefined
  const { family, parameter } = named
  const name = params?.[parameter]
  // What is no name is refused by the server; it counts all the same.
  return { family, name: typeof name === 'string' && name !== '' ? name.toWellFormed() : 'unnamed' }
}

/**
 * The header fields of the HTTP request that a call came in, by their names in small letters: none over stdio. What a
 * client writes there is its own word, unless a proxy of yours sets it.
 */
export function headersOf({ requestInfo }: McpExtra): Readonly<Record<string, string>> {
  const fields: Record<string, string> = {}
  for (const [name, value] of Object.entries(requestInfo?.headers ?? {})) {
    if (typeof value === 'string') fields[name.toLowerCase()] = value
    else if (Array.isArray(value)) fields[name.toLowerCase()] = value.join(', ')
  }
  return fields
}

/** Requests without which nobody is a client: they are not limited by patterns, only by their own name. */
export const HANDSHAKE: ReadonlySet<string> = new Set(['initialize', 'ping'])

/** Who asks, where nothing tells it. */
export const ANONYMOUS = 'anonymous'

/** The client of the authorization, else the session, else `anonymous`. */
export const defaultSubject = ({ authInfo, sessionId }: McpExtra): string =>
  authInfo?.clientId || sessionId || ANONYMOUS
