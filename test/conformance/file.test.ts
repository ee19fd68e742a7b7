import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { FileEngine } from '../../src/engine/file-engine.js'
import { describeEngine } from './engine-contract.js'
import { describeLimiter } from './limiter-contract.js'

const folder = mkdtempSync(join(tmpdir(), 'sluice-conformance-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
const path = () => join(folder, `counters-${++files}`)

describeEngine('the file engine', clock => new FileEngine({ path: path(), clock }))
describeLimiter('a file', () => ({ store: `file:${path()}` }))
