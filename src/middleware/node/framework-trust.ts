/** Whether a framework is set up to believe whatever a client writes into `X-Forwarded-For`. */

/** A request of Express, as far as it matters. */
interface ExpressRequest {
  readonly app?: { get(setting: string): unknown } | undefined
}

export const expressBelieves = ({ app }: ExpressRequest): boolean => app?.get('trust proxy') === true

/** A request of Fastify, as far as it matters. */
interface FastifyRequest {
  readonly ip: string
  readonly server: object
}

/** More proxies than anybody has, none of them anywhere: whoever takes the first address believes them all. */
const PROBE = { first: '192.0.2.1', header: `192.0.2.1${', 203.0.113.1'.repeat(64)}`, peer: '198.51.100.1' }

/** By server: it does not tell its setting, so it is tried once. */
const believing = new WeakMap<object, boolean>()

export function fastifyBelieves(request: FastifyRequest): boolean {
  const { server } = request
  const known = believing.get(server)
  if (known !== undefined) return known
  const socket = { remoteAddress: PROBE.peer }
  const raw = { headers: { 'x-forwarded-for': PROBE.header }, socket, connection: socket }
  const probe = Object.create(request, { raw: { value: raw } }) as FastifyRequest
  const believes = probe.ip === PROBE.first
  believing.set(server, believes)
  return believes
}
