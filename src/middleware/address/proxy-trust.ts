import { Refusal, show } from '../../policy/refusal.js'
import { Networks } from './networks.js'

/**
 * Proxies whose `X-Forwarded-For` is believed:
 * - a number: that many, counted from this process outwards;
 * - addresses, networks (`10.0.0.0/8`) and names (`loopback`, `linklocal`, `uniquelocal`): those;
 * - a function of an address and its hop (0: who is connected to this process): those it answers `true` for;
 * - `false`: none.
 */
export type TrustProxy =
  | number
  | false
  | string
  | readonly string[]
  | ((address: string, hop: number) => boolean)

/** Is this the address of a proxy of ours? @param address empty where the connection has none, as on a Unix socket */
export type ProxyTrust = (address: string, hop: number) => boolean

const trustNobody: ProxyTrust = () => false

/** More hops than any header of reasonable size has. */
const HOPS_MAX = 32

export function readProxyTrust(value: unknown): ProxyTrust | Refusal {
  if (value === false) return trustNobody
  if (value === true) {
    return new Refusal(
      `true would believe whatever address a client writes into X-Forwarded-For; write how many proxies stand before ` +
        `this process, such as 1, or their networks, such as ['10.0.0.0/8']`,
    )
  }
  if (typeof value === 'function') {
    const trusts = value as ProxyTrust
    // Anything but `true` is no, whatever it is.
    return (address, hop) => trusts(address, hop) === true
  }
  if (typeof value === 'number') {
    if (Number.isInteger(value) && value >= 0 && value <= HOPS_MAX) return (_, hop) => hop < value
    return new Refusal(`${value} is not a number of proxies; write a whole number from 0 to ${HOPS_MAX}`)
  }
  if (typeof value !== 'string' && !Array.isArray(value)) {
    return new Refusal(
      `${show(value)} tells no proxies; write how many there are, such as 1, their networks, such as ['10.0.0.0/8'], ` +
        `or a function of an address`,
    )
  }
  const networks = Networks.read(value)
  if (networks instanceof Refusal) return networks
  if (networks.hasEverything) {
    return new Refusal(
      `a network of all addresses would believe whatever a client writes into X-Forwarded-For; name those of your proxies`,
    )
  }
  return address => networks.has(address)
}
