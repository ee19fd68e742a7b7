import { connect, createServer, type Socket } from 'node:net'

/** A way to a server that a test can disturb. */
export interface TcpProxy {
  readonly port: number
  /** `redis://127.0.0.1:<port>` */
  readonly url: string
  /** How many were made to it so far. */
  readonly connections: number
  /** From now on what the server answers stays here; what clients send still reaches the server. */
  holdReplies(): void
  /** Lets what was held, and what follows, through. */
  releaseReplies(): void
  /** Loses from now on what the connections of now carry, both ways, and tells neither end. New ones work. */
  muteConnections(): void
  /** Ends every connection at once, and with it what is held. New ones are accepted. */
  killConnections(): void
  close(): Promise<void>
}

/**
 * @param replyDelayMs what a round trip takes longer, on the way back
 * @param port to listen on; 0: a free one
 */
export async function startTcpProxy(targetPort: number, replyDelayMs = 0, port = 0): Promise<TcpProxy> {
  const pairs = new Set<[Socket, Socket]>()
  let connections = 0
  let holding = false
  let held: (() => void)[] = []

  const onTheWayBack = (arrive: () => void) => {
    if (replyDelayMs > 0) setTimeout(arrive, replyDelayMs)
    else arrive()
  }
  const server = createServer(client => {
    connections++
    const upstream = connect(targetPort, '127.0.0.1')
    const pair: [Socket, Socket] = [client, upstream]
    pairs.add(pair)
    const end = () => {
      pairs.delete(pair)
      for (const socket of pair) socket.destroy()
    }
    for (const socket of pair) {
      socket.setNoDelay(true)
      socket.on('close', () => onTheWayBack(end))
      socket.on('error', end)
    }
    client.on('data', chunk => upstream.write(chunk))
    upstream.on('data', chunk => {
      const arrive = () => client.write(chunk)
      if (holding) held.push(arrive)
      else onTheWayBack(arrive)
    })
  })
  const muteConnections = () => {
    for (const pair of pairs) {
      for (const socket of pair) socket.removeAllListeners('data').on('data', () => {})
    }
  }
  const killConnections = () => {
    held = []
    for (const pair of pairs) for (const socket of pair) socket.destroy()
  }

  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
  return {
    port: address.port,
    url: `redis://127.0.0.1:${address.port}`,
    get connections() {
      return connections
    },
    holdReplies() {
      holding = true
    },
    releaseReplies() {
      holding = false
      for (const send of held.splice(0)) send()
    },
    muteConnections,
    killConnections,
    async close() {
      const closed = new Promise(resolve => server.close(resolve))
      killConnections()
      await closed
    },
  }
}
