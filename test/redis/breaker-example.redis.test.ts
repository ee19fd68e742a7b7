import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, inject, test } from 'vitest'
import { z } from 'zod'

const run = promisify(execFile)
const root = new URL('../../', import.meta.url)

const Output = z.object({
  callsWhileDown: z.int(),
  reports: z.array(z.object({ failed: z.int(), transitions: z.array(z.string()) })).length(2),
})

test('examples/shared-breaker.ts: two processes stop, probe and go on as one', async () => {
  const args = [
    '--import',
    './scripts/run-source.ts',
    'examples/shared-breaker.ts',
    `${inject('redisUrl')}/3`,
  ]
  const { stdout } = await run(process.execPath, args, { cwd: root, timeout: 50_000 })
  const { callsWhileDown, reports } = Output.parse(JSON.parse(stdout))

  // Five failures of both together open it; the others were under way, or went by what was known a moment before.
  expect(callsWhileDown).toBeGreaterThanOrEqual(5)
  const changes = reports.flatMap(({ transitions }) => transitions)
  const count = (change: string) => changes.filter(one => one === change).length
  expect(count('closed → open')).toBe(1)
  expect(count('half-open → closed')).toBe(1)
  expect(count('open → half-open')).toBe(1 + count('half-open → open'))
  const failed = reports.map(report => report.failed)
  expect(Math.max(...failed)).toBeLessThan(callsWhileDown + count('half-open → open') + 1)
})
