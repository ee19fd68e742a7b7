import { existsSync } from 'node:fs'
import { createConnection } from 'node:net'
import { dirname } from 'node:path'
import { describe, expect, inject, test } from 'vitest'
import { startRedis } from '../support/redis-server.js'

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

  test('says what was missing when its program does not exist', async () => {
    await expect(startRedis({ binary: '/nowhere/redis-server' })).rejects.toThrow(
      /cannot start \/nowhere\/redis-server.*Run scripts\/setup/,
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
