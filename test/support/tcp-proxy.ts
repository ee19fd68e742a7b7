import { connect, createServer, type Socket } from 'node:net'

/** A way to a server that a test can disturb. */
export interface TcpProxy {
  readonly port: number
  /** `redis://127.0.0.1:<port>` */
  readonly url: string
  /** From now on what the server answers stays here; what clients send still reaches the server. */
  holdReplies(): void
  /** Lets what was held, and what follows, through. */
  releaseReplies(): void
  /** Ends every connection at once, and with it what is held. New ones are accepted. */
  killConnections(): void
  close(): Promise<void>
}

/** @param delayMs added to each direction of every connection, half a round trip */
export async function startTcpProxy(targetPort: number, delayMs = 0): Promise<TcpProxy> {
  const pairs = new Set<[Socket, Socket]>()
  let holding = false
  let held: (() => void)[] = []

  const forward = (to: Socket, chunk: Buffer) => {
    if (delayMs > 0) setTimeout(() => to.write(chunk), delayMs)
    else to.write(chunk)
  }
  const server = createServer(client => {
    const upstream = connect(targetPort, '127.0.0.1')
    const pair: [Socket, Socket] = [client, upstream]
    pairs.add(pair)
    const end = () => {
      pairs.delete(pair)
      for (const socket of pair) socket.destroy()
    }
    for (const socket of pair) {
      socket.setNoDelay(true)
      socket.on('close', end)
      socket.on('error', end)
    }
    client.on('data', chunk => forward(upstream, chunk))
    upstream.on('data', chunk => {
      if (holding) held.push(() => forward(client, chunk))
      else forward(client, chunk)
    })
  })
  const killConnections = () => {
    held = []
    for (const pair of pairs) for (const socket of pair) socket.destroy()
  }

  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
  return {
    port: address.port,
    url: `redis://127.0.0.1:${address.port}`,
    holdReplies() {
      holding = true
    },
    releaseReplies() {
      holding = false
      for (const send of held.splice(0)) send()
    },
    killConnections,
    async close() {
      const closed = new Promise(resolve => server.close(resolve))
      killConnections()
      await closed
    },
  }
}
