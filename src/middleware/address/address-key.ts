import ipaddr from 'ipaddr.js'
import { Refusal, show } from '../../policy/refusal.js'
import { bareAddress, parseAddress } from './networks.js'

/** Bits of an IPv6 address that are one client where nothing else is said. */
const PREFIX_BITS = 56

/** How many bits of an IPv6 address are one client; `false`: all. */
export function readSubnet(value: unknown): number | Refusal {
  if (value === false) return 128
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 128) return value
  return new Refusal(
    `${show(value)} is no length of an IPv6 prefix; write one from 1 to 128, usually 48 to 64, or false; where it ` +
      `depends on the request, name what to count by yourself`,
  )
}

/** The well-known prefix of translators. */
const TRANSLATED = ipaddr.IPv6.parse('64:ff9b::')

/** Keys kept: parsing an IPv6 address takes as long as a whole check in memory. */
const REMEMBERED_MAX = 1_000

/** What clients are counted by when they are counted by their address. */
export class AddressKeys {
  readonly #prefixBits: number
  readonly #known = new Map<string, string>()

  /**
   * @param prefixBits bits of an IPv6 address that are the client's own network, 1 to 128. Whoever rents a server or a line
   * has a whole network of addresses, and would otherwise be as many clients. Default: 56
   */
  constructor(prefixBits = PREFIX_BITS) {
    this.#prefixBits = prefixBits
  }

  /**
   * IPv4: the address. IPv6: its network in CIDR notation, such as `2001:db8:0:1200::/56`.
   *
   * @returns undefined for what is no address
   */
  of(address: string): string | undefined {
    const known = this.#known.get(address)
    if (known !== undefined) return known
    const key = this.#make(address)
    if (key === undefined) return undefined
    if (this.#known.size >= REMEMBERED_MAX) this.#known.clear()
    this.#known.set(address, key)
    return key
  }

  #make(address: string): string | undefined {
    const parsed = parseAddress(bareAddress(address) ?? '')
    if (parsed === undefined) return undefined
    if (parsed.kind() === 'ipv4') return parsed.toString()
    // What a translator makes of IPv4 clients (RFC 6052): by their network they would all be one.
    if (parsed.match(TRANSLATED, 96)) return new ipaddr.IPv4(parsed.toByteArray().slice(-4)).toString()
    const network = ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toString()}/${this.#prefixBits}`)
    return this.#prefixBits === 128 ? network.toString() : `${network.toString()}/${this.#prefixBits}`
  }
}
