import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { withoutNative } from '../support/native.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'

const program = (name: string) => join(import.meta.dirname, 'programs', name)
const HOOKS = ['--import', './scripts/run-source.ts']

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

async function run(name: string) {
  const ended = promisify(execFile)(process.execPath, [...HOOKS, program(name), server.url])
  return ended.then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  )
}

describe.skipIf(withoutNative !== undefined)('a process that asks Redis natively', () => {
  test('ends in the middle of calls with the code it was given, and without a word', async () => {
    expect(await run('native-decide-and-leave.ts')).toEqual({ code: 7, stdout: '', stderr: '' })
  })

  test('is kept alive by a call, and by nothing once all are answered', async () => {
    expect(await run('native-idle.ts')).toEqual({ code: 0, stdout: 'allowed\n', stderr: '' })
  })

  test('does so in several threads, which end when they like or are told to', async () => {
    const start = () => new Worker(program('native-worker.ts'), { execArgv: HOOKS, workerData: server.url })
    const workers = Array.from({ length: 3 }, start)
    await Promise.all(workers.map(worker => once(worker, 'message')))
    const exits = workers.map(worker => once(worker, 'exit'))
    // One in the middle of its calls.
    await workers[0]?.terminate()
    for (const worker of workers.slice(1)) worker.postMessage('end')
    expect(await Promise.all(exits)).toEqual([[1], [0], [0]])
  })

  test('tells no subject, no tenant and no password, whatever happens', async () => {
    await server.cli('ACL', 'SETUSER', 'limits', 'on', '>hushed-word', '~*', '+@all')
    const { code, stdout, stderr } = await run('native-confidential.ts')
    expect(stdout).toMatch(/ERR_SLUICE_STORE_UNAVAILABLE/)
    expect(stdout).toMatch(/ERR_SLUICE_READ_ONLY/)
    expect(stdout).toMatch(/ERR_SLUICE_OUT_OF_MEMORY/)
    expect(stdout).toMatch(/ERR_SLUICE_SCRIPTING/)
    expect(stdout).toMatch(/the block of checks is not of the form/)
    expect(stdout).toMatch(/the limiter was closed/)
    // Warnings of the process, where nobody listens.
    expect(stderr).toMatch(/the store is down/)
    expect(`${stdout}${stderr}`).not.toMatch(/hushed/)
    expect(code).toBe(0)
  })
})
