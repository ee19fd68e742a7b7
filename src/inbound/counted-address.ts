import { warnProcess } from '../events.js'
import { AddressKeys } from '../middleware/address/address-key.js'
import { clientAddress } from '../middleware/address/client-address.js'
import type { ProxyTrust } from '../middleware/address/proxy-trust.js'
import type { GatewayCall } from './identity.js'

/** Clients whose address is not known share one place, as sessions do that are not known: nobody passes unlimited. */
const NO_ADDRESS = 'default'

export interface AddressRules {
  /** Undefined: no proxy is believed. */
  readonly trusts: ProxyTrust | undefined
  /** Of an IPv6 address. Undefined: 56. */
  readonly prefixBits: number | undefined
}

/** What the client of a request is counted by: the rules are those of the adapters (`docs/http.md`). */
export class CountedAddress {
  readonly #trusts: ProxyTrust | undefined
  readonly #keys: AddressKeys
  #warned = false

  constructor({ trusts, prefixBits }: AddressRules) {
    this.#trusts = trusts
    this.#keys = new AddressKeys(prefixBits)
  }

  /** What is no IP address, such as the path of a socket, is counted as it is. */
  of({ address, forwardedFor }: GatewayCall): string {
    const client = forwardedFor === undefined ? address : this.#behindProxies(address, forwardedFor)
    return client === undefined ? NO_ADDRESS : (this.#keys.of(client) ?? client)
  }

  #behindProxies(peer: string | undefined, forwardedFor: string): string | undefined {
    if (this.#trusts !== undefined) return clientAddress(peer, forwardedFor, this.#trusts)
    if (!this.#warned) {
      this.#warned = true
      const message =
        `createGatewayLimits: requests have 'forwardedFor', and no proxy is trusted, so all clients behind one proxy share a ` +
        `limit; give 'trustProxy', such as 1 for one proxy, or leave 'forwardedFor' out`
      warnProcess(message, undefined)
    }
    return peer
  }
}
