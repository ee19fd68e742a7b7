import { type RedisServer, startRedis } from './redis-server.js'
import { makeCertificates, type TlsCertificates } from './tls-certificates.js'

export interface TlsServers {
  readonly certificates: TlsCertificates
  /** Asks clients for no certificate. */
  readonly open: RedisServer
  /** Serves only clients with a certificate of its authority. */
  readonly mutual: RedisServer
  stop(): Promise<void>
}

export async function startTlsServers(): Promise<TlsServers> {
  const certificates = await makeCertificates()
  const open = await startRedis({ tls: port => certificates.serverArgs(port, 'do not ask') })
  const mutual = await startRedis({ tls: port => certificates.serverArgs(port, 'ask') })
  const stop = async () => {
    await open.stop()
    await mutual.stop()
    await certificates.remove()
  }
  return { certificates, open, mutual, stop }
}
