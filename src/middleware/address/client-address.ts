import { bareAddress } from './networks.js'
import type { ProxyTrust } from './proxy-trust.js'

/**
 * The address of the client: of who is connected to this process, or, where that is a trusted proxy, of who was connected
 * to it. `X-Forwarded-For` is read from its end, where each proxy adds what it saw, and only as far as proxies are trusted:
 * what a client wrote there itself stands before all of that.
 *
 * @param peer who is connected to this process; undefined where that is a Unix socket
 * @param forwardedFor the header, as it came
 * @returns undefined where neither tells an address
 */
export function clientAddress(
  peer: string | undefined,
  forwardedFor: string | undefined,
  trusts: ProxyTrust,
): string | undefined {
  let address = peer
  let end = forwardedFor === undefined ? -1 : forwardedFor.length
  for (let hop = 0; end >= 0 && trusts(address ?? '', hop); hop++) {
    const header = forwardedFor as string
    const comma = end === 0 ? -1 : header.lastIndexOf(',', end - 1)
    const seen = bareAddress(header.slice(comma + 1, end))
    // A proxy writes addresses. What is none is not its work, or it hides its clients: the proxy itself is all we know.
    if (seen === undefined) return address
    address = seen
    end = comma
  }
  return address
}
