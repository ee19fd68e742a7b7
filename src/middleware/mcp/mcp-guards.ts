import { OptionError } from '../../errors.js'
import { warnProcess } from '../../events.js'
import type { McpExtra, McpRequest } from './mcp-call.js'

export type Handler = (request: McpRequest, extra: McpExtra) => Promise<unknown>

/** What stands before a handler, and calls it or does not. */
export interface Guard {
  /** What it counts by: two guards of the same one count a request twice. */
  readonly countsBy: object
  /** It watches, and so has to see what the others refuse. */
  readonly watches: boolean
  readonly handle: (request: McpRequest, extra: McpExtra, next: () => Promise<unknown>) => Promise<unknown>
}

/** What is used of the SDK's `Server`. Its handlers are looked up by method when a request comes. */
interface SdkServer {
  readonly _requestHandlers: Map<string, Handler>
  fallbackRequestHandler?: Handler | undefined
}

/**
 * The guards of a server before every handler, those that are set later included: in the order in which they came, and those that
 * watch before the others. A wrapper around a tool's callback would be too late: what it throws becomes a result, and the arguments
 * have been looked at by then.
 */
export class McpGuards {
  static readonly #ofServer = new WeakMap<SdkServer, McpGuards>()
  /** Those of which it was told that they count twice: servers may be made by the thousand. */
  static readonly #toldOf = new WeakSet<object>()
  readonly #guards: Guard[] = []

  private constructor(sdk: SdkServer) {
    const handlers = sdk._requestHandlers
    const set = handlers.set.bind(handlers)
    handlers.set = (method, handler) => set(method, this.#before(handler))
    for (const [method, handler] of [...handlers]) set(method, this.#before(handler))

    let fallback = sdk.fallbackRequestHandler && this.#before(sdk.fallbackRequestHandler)
    Object.defineProperty(sdk, 'fallbackRequestHandler', {
      configurable: true,
      enumerable: true,
      get: () => fallback,
      set: (handler: Handler | undefined) => {
        fallback = handler && this.#before(handler)
      },
    })
  }

  /** @throws OptionError */
  static of(server: object): McpGuards {
    const sdk = sdkServerOf(server)
    const guards = McpGuards.#ofServer.get(sdk) ?? new McpGuards(sdk)
    McpGuards.#ofServer.set(sdk, guards)
    return guards
  }

  add(guard: Guard): void {
    if (this.#guards.some(({ countsBy }) => countsBy === guard.countsBy)) this.#tellTwice(guard)
    const first = guard.watches ? this.#guards.findIndex(({ watches }) => !watches) : -1
    this.#guards.splice(first === -1 ? this.#guards.length : first, 0, guard)
  }

  #tellTwice({ countsBy }: Guard): void {
    if (McpGuards.#toldOf.has(countsBy)) return
    McpGuards.#toldOf.add(countsBy)
    warnProcess(
      'limitMcp: the same limits were given twice to one server, and count each request twice; call it once, or give the ' +
        "second a 'name' of its own",
      undefined,
      'WARN_SLUICE_COUNTED_TWICE',
    )
  }

  #before(handler: Handler): Handler {
    return (request, extra) => this.#pass(0, handler, request, extra)
  }

  #pass(index: number, handler: Handler, request: McpRequest, extra: McpExtra): Promise<unknown> {
    const guard = this.#guards[index]
    if (guard !== undefined) {
      return guard.handle(request, extra, () => this.#pass(index + 1, handler, request, extra))
    }
    try {
      return handler(request, extra)
    } catch (error) {
      // The SDK reads the parameters before it makes a promise: what is wrong with them is an answer like any other.
      return Promise.reject(error)
    }
  }
}

function sdkServerOf(server: object): SdkServer {
  const inner: unknown = 'server' in server ? server.server : server
  if (isSdkServer(inner)) return inner
  throw new OptionError(
    'limitMcp: this is no server of @modelcontextprotocol/sdk 1.x; give it an McpServer or a Server of that package',
  )
}

const isSdkServer = (value: unknown): value is SdkServer =>
  typeof value === 'object' &&
  value !== null &&
  '_requestHandlers' in value &&
  value._requestHandlers instanceof Map
