import { SubjectError } from '../errors.js'
import type { ScopedCall } from '../scope.js'

/** Who calls, as gateways know them: text, a number, or a record of which `email`, `id` and `sub` are looked at. */
export type GatewayUser =
  | string
  | number
  | bigint
  | boolean
  | { readonly email?: unknown; readonly id?: unknown; readonly sub?: unknown }

/** One request, as far as the gateway knows it. What is left out, `null` or blank is missing. */
export interface GatewayRequest {
  /** The first of `email`, `id` and `sub` that is not blank; numbers are text; spaces around it do not count. */
  readonly user?: GatewayUser | null | undefined
  /** Text alone. Where it is missing, nothing is counted by tenant. */
  readonly tenant?: string | null | undefined
  /** The server behind the gateway. */
  readonly server?: string | null | undefined
  readonly tool?: string | null | undefined
  /** Counts as a tool of that name. */
  readonly prompt?: string | null | undefined
  readonly method?: string | null | undefined
  /** Of the endpoint: the route, so that callers do not choose how many there are. */
  readonly url?: string | null | undefined
  readonly session?: string | null | undefined
  /** Of who is connected to the gateway: the client, or a proxy. */
  readonly address?: string | null | undefined
  /** `X-Forwarded-For`, as it came. Read as far as `trustProxy` says. */
  readonly forwardedFor?: string | readonly string[] | null | undefined
}

/** A request whose parts are text that is not blank, or undefined. `tool` is that of a prompt, too. */
export interface GatewayCall extends ScopedCall {
  readonly user: string | undefined
  readonly tenant: string | undefined
  readonly server: string | undefined
  readonly tool: string | undefined
  readonly method: string | undefined
  readonly url: string | undefined
  readonly session: string | undefined
  readonly address: string | undefined
  readonly forwardedFor: string | undefined
}

/** In place of a policy: what is wrong concerns all of them. */
const REQUEST = 'gateway'

/**
 * Who and what a request is about.
 *
 * @throws SubjectError where a part is something else than text: nobody passes by giving what cannot be read
 */
export function identifyRequest(request: GatewayRequest): GatewayCall {
  if (typeof request !== 'object' || request === null) {
    throw new SubjectError(REQUEST, undefined, `a ${typeof request} is no request; give { user, tool, … }`)
  }
  const tool = nameOf('tool', request.tool)
  const prompt = nameOf('prompt', request.prompt)
  if (tool !== undefined && prompt !== undefined) {
    throw new SubjectError(REQUEST, 'prompt', 'the request names a tool and a prompt; check them one by one')
  }
  return {
    user: userOf(request.user),
    tenant: textOf('tenant', request.tenant),
    server: textOf('server', request.server),
    tool: tool ?? prompt,
    method: textOf('method', request.method),
    url: textOf('url', request.url),
    session: textOf('session', request.session),
    address: textOf('address', request.address),
    forwardedFor: headerOf('forwardedFor', request.forwardedFor),
  }
}

const HAS_UPPER_CASE = /[A-Z]/
const UPPER_CASE = /[A-Z]/g

/** The name of a tool or prompt as it is counted: without the spaces around it, A to Z as a to z, all else as it is. */
export const toolName = (name: string): string => inLowerCase(name.trim())

/** Asks before it replaces, which takes four times as long where there is nothing to replace. */
const inLowerCase = (name: string): string =>
  HAS_UPPER_CASE.test(name) ? name.replace(UPPER_CASE, letter => letter.toLowerCase()) : name

function nameOf(part: string, value: unknown): string | undefined {
  const name = textOf(part, value)
  return name === undefined ? undefined : inLowerCase(name)
}

function textOf(part: string, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw notText(part, value)
  return value.trim() || undefined
}

/** A header that came several times is one list. */
const headerOf = (part: string, value: unknown): string | undefined =>
  textOf(part, Array.isArray(value) ? value.join(',') : value)

const USER_PARTS = ['email', 'id', 'sub'] as const

function userOf(user: unknown): string | undefined {
  if (typeof user !== 'object' || user === null) return plainText('user', user)
  if (Array.isArray(user)) throw notText('user', user)
  for (const part of USER_PARTS) {
    const text = plainText(`user.${part}`, Reflect.get(user, part))
    if (text !== undefined) return text
  }
  return undefined
}

function plainText(part: string, value: unknown): string | undefined {
  if (typeof value === 'string') return textOf(part, value)
  if (Number.isFinite(value) || typeof value === 'bigint' || typeof value === 'boolean') return String(value)
  return textOf(part, value)
}

/** Tells no value: it is somebody's identity. */
function notText(part: string, value: unknown): SubjectError {
  const kind = Array.isArray(value) ? 'array' : typeof value
  return new SubjectError(
    REQUEST,
    part,
    `${part} of the request is of type ${kind}, not text; convert it first`,
  )
}
