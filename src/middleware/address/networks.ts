import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import { Refusal, show } from '../../policy/refusal.js'

type Address = ipaddr.IPv4 | ipaddr.IPv6
type Network = readonly [Address, number]

/** Networks by the names that Express has for them. */
const NAMED: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
}

/** Longest text that can be an address, a zone and a prefix included: what is longer is not even looked at. */
const ADDRESS_LENGTH_MAX = 64

/**
 * An address as text, or undefined for anything else. Only the common forms are one: `127.1` and `0x7f.0.0.1` are not.
 * An IPv4 address that comes as IPv6 (`::ffff:192.0.2.1`) is the IPv4 address.
 */
export function parseAddress(text: string): Address | undefined {
  if (text.length > ADDRESS_LENGTH_MAX || isIP(text) === 0) return undefined
  const zone = text.indexOf('%')
  return ipaddr.process(zone === -1 ? text : text.slice(0, zone))
}

/** Without spaces, brackets and port, as some proxies add them: `[2001:db8::1]:4711`, `192.0.2.1:4711`. */
export function bareAddress(text: string): string | undefined {
  const trimmed = text.trim()
  if (isIP(trimmed) !== 0) return trimmed
  const bracketed = /^\[([^\]]+)\](?::\d{1,5})?$/.exec(trimmed)?.[1]
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? bracketed : undefined
  const withoutPort = /^([\d.]+):\d{1,5}$/.exec(trimmed)?.[1]
  return withoutPort !== undefined && isIP(withoutPort) === 4 ? withoutPort : undefined
}

/** Addresses and networks in CIDR notation. */
export class Networks {
  readonly #networks: readonly Network[]

  private constructor(networks: readonly Network[]) {
    this.#networks = networks
  }

  /** Reads a list of addresses (`192.0.2.1`), networks (`10.0.0.0/8`) and names (`loopback`, `linklocal`, `uniquelocal`). */
  static read(value: unknown): Networks | Refusal {
    const entries: readonly unknown[] = Array.isArray(value) ? value : [value]
    const networks: Network[] = []
    for (const entry of entries) {
      const named = typeof entry === 'string' && Object.hasOwn(NAMED, entry) ? NAMED[entry] : undefined
      for (const text of named ?? [entry]) {
        const network = typeof text === 'string' ? readNetwork(text) : undefined
        if (network === undefined) {
          return new Refusal(
            `${show(entry)} is no address or network; write one such as '192.0.2.7', '10.0.0.0/8' or '2001:db8::/32', ` +
              `or a name: ${Object.keys(NAMED).join(', ')}`,
          )
        }
        networks.push(network)
      }
    }
    return new Networks(networks)
  }

  /** One of them holds every address of its family. */
  get hasEverything(): boolean {
    return this.#networks.some(([, bits]) => bits === 0)
  }

  /** @param text an address, also with a port; what is none is in no network */
  has(text: string): boolean {
    const address = parseAddress(bareAddress(text) ?? '')
    if (address === undefined) return false
    return this.#networks.some(
      ([network, bits]) => network.kind() === address.kind() && address.match(network, bits),
    )
  }
}

function readNetwork(text: string): Network | undefined {
  const slash = text.indexOf('/')
  const address = parseAddress(slash === -1 ? text : text.slice(0, slash))
  if (address === undefined) return undefined
  const most = address.kind() === 'ipv4' ? 32 : 128
  if (slash === -1) return [address, most]
  const prefix = text.slice(slash + 1)
  if (!/^\d{1,3}$/.test(prefix)) return undefined
  // `::ffff:10.0.0.0/104` is 10.0.0.0/8.
  const bits = most === 32 && text.includes(':') ? Number(prefix) - 96 : Number(prefix)
  return bits >= 0 && bits <= most ? [address, bits] : undefined
}
