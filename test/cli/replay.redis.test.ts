import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { afterAll, describe, expect, inject, it } from 'vitest'
import { ALGORITHMS } from '../../src/core/plan.js'
import { exampleLog, runCli, runHere, spawnCli } from './run-cli.js'

const store = inject('redisUrl')
const redis = new Redis(store)
afterAll(() => redis.quit())

const realLog = fileURLToPath(new URL('../../../shared/data/access-2015.log.gz', import.meta.url))
const logs = [exampleLog, realLog].filter(existsSync)
const algorithms = ALGORITHMS.filter(name => name !== 'quota' && name !== 'concurrency')
const cases = logs.flatMap(log => algorithms.map(algorithm => ({ algorithm, log })))

const ownKeys = (): Promise<string[]> => redis.keys('sluice-replay-*')

describe('a replay through Redis', () => {
  it.each(cases)('prints byte for byte what memory does: $algorithm, $log', async ({ algorithm, log }) => {
    const args = [
      'replay',
      log,
      '--policy',
      'per-ip=30/m',
      '--policy',
      'per-path=20/m@path',
      '--algorithm',
      algorithm,
      '--json',
    ]
    const [inMemory, inRedis] = await Promise.all([runHere(args), runHere([...args, '--store', store])])
    expect(inRedis.code).toBe(0)
    expect(inRedis.stdout).toBe(inMemory.stdout)
    expect(inMemory.stdout.length).toBeGreaterThan(1000)
  })

  it('does so as two processes, too', async () => {
    const args = ['replay', exampleLog, '--policy', 'per-ip=30/m', '--json']
    const inRedis = await runCli([...args, '--store', store])
    expect(inRedis).toEqual(await runCli(args))
    expect(inRedis.code).toBe(0)
  })

  it('leaves nothing behind and touches nothing else', async () => {
    await redis.set('sl1:{a2}:per-ip:gcra:203.0.113.77', 'somebody else')
    await runHere(['replay', exampleLog, '--policy', 'per-ip=30/m', '--store', store])
    expect(await ownKeys()).toEqual([])
    expect(await redis.getdel('sl1:{a2}:per-ip:gcra:203.0.113.77')).toBe('somebody else')
  })

  it('leaves nothing behind when it is interrupted, either', async () => {
    const child = spawnCli(['replay', '-', '--policy', 'per-ip=30/m', '--store', store])
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    const ended = new Promise(resolve => child.once('close', resolve))
    child.stdin.on('error', () => {})
    // The input does not end: what was read is decided, and the program waits for more.
    child.stdin.write(readFileSync(exampleLog))
    await expect.poll(ownKeys, { timeout: 20_000 }).not.toEqual([])
    child.kill('SIGINT')
    expect(await ended).toBe(130)
    expect(stderr).toBe('error: interrupted\n')
    expect(await ownKeys()).toEqual([])
  })
})
