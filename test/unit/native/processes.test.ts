import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { withoutNative } from '../../support/native.js'

const program = (name: string) => join(import.meta.dirname, 'programs', name)
const HOOKS = ['--import', './scripts/run-source.ts']

async function run(name: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
  const command = [...HOOKS, program(name), ...args]
  const options = { env: { ...process.env, ...env } }
  const ended = promisify(execFile)(process.execPath, command, options)
  return ended.then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  )
}

describe.skipIf(withoutNative !== undefined)('a process with the native engine', () => {
  test('ends in the middle of calls with the code it was given, and without a word', async () => {
    expect(await run('decide-and-leave.ts')).toEqual({ code: 7, stdout: '', stderr: '' })
  })

  test('has it in several threads, each with counters of its own, which end when they like or are told to', async () => {
    const workers = Array.from({ length: 3 }, () => new Worker(program('worker.ts'), { execArgv: HOOKS }))
    const first = await Promise.all(workers.map(worker => once(worker, 'message')))
    expect(first).toEqual(workers.map(() => [999_500]))
    const exits = workers.map(worker => once(worker, 'exit'))
    // One in the middle of its calls.
    await workers[0]?.terminate()
    for (const worker of workers.slice(1)) worker.postMessage('end')
    expect(await Promise.all(exits)).toEqual([[1], [0], [0]])
  })

  test('tells no subject and no tenant, whatever happens', async () => {
    const { code, stdout, stderr } = await run('confidential.ts')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/ImpossibleCostError/)
    expect(stdout).toMatch(/the block of checks is not of the form/)
    expect(stdout).toMatch(/the limiter was closed/)
    expect(`${stdout}${stderr}`).not.toMatch(/hushed/)
  })
})
