import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RedisServer, startRedis } from '../support/redis-server.js'

const PROGRAM = fileURLToPath(new URL('programs/limited-caller.ts', import.meta.url))
const RUN_SOURCE = fileURLToPath(new URL('../../scripts/run-source.ts', import.meta.url))

let server: RedisServer
const callers: ChildProcess[] = []

beforeAll(async () => {
  server = await startRedis()
})
afterAll(async () => {
  for (const caller of callers) caller.kill('SIGKILL')
  await server.stop()
})

test('A10: eight processes of a thousand requests each admit together what the limit says, whatever their clocks show', async () => {
  for (const shiftMs of [-5_000, 5_000, -5_000, 5_000, 0, 0, -3_000, 4_000]) {
    const args = [server.url, String(shiftMs), '1000']
    callers.push(fork(PROGRAM, args, { execArgv: ['--import', RUN_SOURCE] }))
  }
  await Promise.all(callers.map(caller => once(caller, 'message')))
  const reports = callers.map(async caller => (await once(caller, 'message'))[0] as Record<string, number>)
  for (const caller of callers) caller.send('go')
  const all = Promise.all(reports)
  let isOver = false
  all.finally(() => {
    isOver = true
  })
  // The scripts are gone again and again meanwhile.
  while (!isOver) await server.cli('SCRIPT', 'FLUSH')
  const admitted = await all
  for (const tool of ['exact', 'window', 'token', 'leaky']) {
    expect(admitted.reduce((sum, each) => sum + (each[tool] as number), 0)).toBe(700)
  }
  const keys = (await server.cli('--raw', 'KEYS', '*')).trim().split('\n')
  expect(keys).toHaveLength(5)
  for (const key of keys) {
    expect(key.startsWith('mcp:rate_limit:sl1:')).toBe(true)
    if (key !== 'mcp:rate_limit:sl1:meta') expect(Number(await server.cli('PTTL', key))).toBeGreaterThan(0)
  }
})
