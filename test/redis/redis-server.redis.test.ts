import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createConnection } from 'node:net'
import { dirname } from 'node:path'
import { describe, expect, inject, test, vi } from 'vitest'
import { startRedis } from '../support/redis-server.js'

const runSource = new URL('../../scripts/run-source.ts', import.meta.url).href
const START = `
  import { startRedis } from '${new URL('../support/redis-server.ts', import.meta.url).href}'
  console.log(JSON.stringify(await startRedis()))
`

describe('a server started for tests', () => {
  test('answers once started, keeps nothing on disk and is gone once stopped', async () => {
    const server = await startRedis({ args: ['--maxmemory', '10mb'] })
    expect(await server.cli('PING')).toBe('PONG')
    expect(await server.cli('CONFIG', 'GET', 'maxmemory')).toBe('maxmemory\n10485760')
    expect(await server.cli('CONFIG', 'GET', 'save')).toBe('save\n')

    await server.stop()
    await server.stop()
    expect(existsSync(dirname(server.socketPath))).toBe(false)
    expect(() => process.kill(server.pid, 0)).toThrow('ESRCH')
  })

  test('goes with the process that started it, however that one dies', async () => {
    const starter = spawn(process.execPath, ['--import', runSource, '--input-type=module', '--eval', START], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = (await once(starter.stdout, 'data')) as [Buffer]
    const { port, socketPath } = JSON.parse(line.toString()) as { port: number; socketPath: string }
    const client = createConnection(port, '127.0.0.1')
    await once(client, 'connect')

    starter.kill('SIGKILL')
    await once(client.resume(), 'end')
    await vi.waitUntil(() => !existsSync(dirname(socketPath)))
  })

  test('says what was missing when its program does not exist', async () => {
    await expect(startRedis({ binary: '/nowhere/redis-server' })).rejects.toThrow(
      /\/nowhere\/redis-server ended before it served.*not found/s,
    )
  })

  test('a port in use is an error when the caller named it', async () => {
    const first = await startRedis()
    await expect(startRedis({ port: first.port })).rejects.toThrow('Address already in use')
    await first.stop()
  })

  test('the shared one is reachable at the provided address', async () => {
    const { port } = new URL(inject('redisUrl'))
    const socket = createConnection(Number(port), '127.0.0.1')
    const reply = await new Promise<string>((resolve, reject) => {
      socket.once('error', reject)
      socket.once('data', data => resolve(data.toString()))
      socket.write('PING\r\n')
    })
    socket.destroy()
    expect(reply).toBe('+PONG\r\n')
  })
})
