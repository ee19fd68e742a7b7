import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

test('an engine that holds keys keeps no process alive', async () => {
  const program = `
    import { MemoryEngine } from './src/engine/memory-engine.ts'
    const plan = { algorithm: 'fixed_window', limit: 5, windowUs: 3_600_000_000, debtLimit: 5, clockAnchored: 0, offsetUs: 0 }
    const limit = { policy: 'p', keyName: 'p', slot: 0, plan, limit: 5, windowMs: 3_600_000 }
    const check = { limit, plan, subject: 'ada', op: 1, n: 1, at: 0 }
    const engine = new MemoryEngine()
    await engine.decide([check])
    process.on('exit', () => console.log(JSON.stringify(engine.stats())))`
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--import',
    './scripts/run-source.ts',
    '--input-type=module',
    '--eval',
    program,
  ])
  expect(JSON.parse(stdout)).toMatchObject({ keys: 1 })
})
