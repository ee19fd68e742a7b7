import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach } from 'vitest'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

export async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  servers.push(server)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

export const hello = (_: unknown, res: { end(text: string): unknown }) => res.end('hello')

export async function statuses(url: string, times: number, headers: Record<string, string> = {}) {
  const seen: number[] = []
  for (let i = 0; i < times; i++) seen.push((await fetch(url, { headers })).status)
  return seen
}
