import { OptionError, SubjectError } from '../../errors.js'
import { warnProcess } from '../../events.js'
import { clientAddress } from '../address/client-address.js'
import type { RequestConfig } from '../options/read-options.js'
import type { RequestAdapter } from './adapter.js'

type Config<A extends readonly unknown[]> = Pick<
  RequestConfig<A, unknown, unknown>,
  'address' | 'trusts' | 'addressKeys' | 'validates'
>

/** Finds the client's address, and what it is counted by. */
export class SubjectAddress<A extends readonly unknown[]> {
  readonly #config: Config<A>
  readonly #adapter: RequestAdapter<A, never>
  #warned = false

  constructor(config: Config<A>, adapter: RequestAdapter<A, never>) {
    this.#config = config
    this.#adapter = adapter
  }

  /**
   * @throws OptionError where the framework believes whatever a client writes into `X-Forwarded-For`
   */
  find(args: A): string | undefined {
    const { address, trusts, validates } = this.#config
    if (address !== undefined) return address(...args)
    const { peer, forwardedFor, framework } = this.#adapter
    if (trusts !== undefined) return clientAddress(peer(...args), forwardedFor(...args), trusts)
    if (framework === undefined) {
      if (validates && !this.#warned && forwardedFor(...args) !== undefined) this.#warnOfProxy()
      return peer(...args)
    }
    if (validates && framework.believesEveryProxy(...args)) {
      throw new OptionError(
        `${this.#adapter.place}: the framework believes every X-Forwarded-For, so a client could choose its own address; ` +
          `${framework.wayOut}, or give 'trustProxy' here, or accept it by 'validate: false'`,
      )
    }
    return framework.of(...args)
  }

  /**
   * The subject of a check by address.
   *
   * @throws SubjectError where there is no address: a shared one would be one limit for everybody
   */
  key(policy: string, args: A): string {
    const address = this.find(args)
    const key = address === undefined ? undefined : this.#config.addressKeys.of(address)
    if (key !== undefined) return key
    throw new SubjectError(
      policy,
      undefined,
      `${this.#adapter.place}: the client of this request has no IP address to count policy '${policy}' by (the ` +
        `connection is closed, comes over a Unix socket, or its server does not tell); give 'key', or 'address', or ` +
        `'trustProxy' where a proxy tells it in X-Forwarded-For`,
    )
  }

  #warnOfProxy(): void {
    this.#warned = true
    warnProcess(
      `${this.#adapter.place}: requests carry X-Forwarded-For, and no proxy is trusted, so all clients behind one proxy ` +
        `share a limit; give 'trustProxy', such as 1 for one proxy, or 0 where clients send it by themselves`,
      undefined,
    )
  }
}
