/**
 * One contender of `npm run bench:http` in a process of its own. Tells its port by IPC, then answers every message with the
 * CPU time that it has used so far, in us.
 *
 *   http-server.ts FRAMEWORK CONTENDER LIMIT REDIS_URL
 */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { CONTENDERS } from './http-contenders.ts'

const [framework = '', contender = '', limit = '', redisUrl = ''] = process.argv.slice(2)
const start = CONTENDERS[framework]?.[contender]
if (start === undefined) throw new Error(`there is no contender '${contender}' for '${framework}'`)
const server = await start(Number(limit), redisUrl)
await once(server.listen(0, '127.0.0.1'), 'listening')
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send?.({ cpuUs: user + system })
})
process.on('disconnect', () => process.exit())
process.send?.({ port: (server.address() as AddressInfo).port })
