import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { PoliciesInput, Store } from 'sluice'
import { entrySchema, type Recording } from './entries.js'
import { type Nginx, startNginx } from './nginx.js'

const ROOT = new URL('../../', import.meta.url)
/** Each start reads the same sources: what Node makes of them is kept. */
const ENV = { ...process.env, NODE_COMPILE_CACHE: fileURLToPath(new URL('.cache/compiled', ROOT)) }

export interface GatewaySetup {
  readonly store: Store
  readonly prefix: string
  readonly policies: PoliciesInput
}

/** Processes behind one nginx. */
export interface Gateways {
  /** Of nginx. */
  readonly url: string
  /** What each of them recorded so far. */
  recordings(): Recording[]
  /** Ends every process. May be called twice. */
  stop(): Promise<void>
}

/** Starts one gateway process for each setup, and nginx before them. */
export async function startGateways(setups: readonly GatewaySetup[]): Promise<Gateways> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-gateways-'))
  const files = setups.map((_, i) => join(folder, `gateway-${i}.ndjson`))
  const processes: ChildProcess[] = []
  let nginx: Nginx | undefined
  let recorded: Recording[] | undefined
  const read = () => files.map(file => readFileSync(file, 'utf8').split('\n').filter(Boolean).map(readEntry))
  const end = async () => {
    await nginx?.stop()
    await Promise.all(processes.map(endProcess))
    rmSync(folder, { recursive: true, force: true })
  }
  const stop = async () => {
    await Promise.all(processes.map(endProcess))
    try {
      recorded ??= read()
    } finally {
      await end()
    }
  }
  try {
    const ports = await Promise.all(
      setups.map(async (setup, i) => {
        const { child, port } = startGateway({ ...setup, record: files[i] as string })
        processes.push(child)
        return port
      }),
    )
    nginx = await startNginx(folder, ports)
    return { url: nginx.url, recordings: () => recorded ?? read(), stop }
  } catch (error) {
    await end()
    throw error
  }
}

function startGateway(setup: GatewaySetup & { readonly record: string }): {
  child: ChildProcess
  port: Promise<number>
} {
  const args = ['--import', './scripts/run-source.ts', 'cluster/loadtest/check-service.ts']
  const child = spawn(process.execPath, [...args, JSON.stringify(setup)], {
    cwd: ROOT,
    env: ENV,
    stdio: 'pipe',
  })
  const port = new Promise<number>((resolve, reject) => {
    let said = ''
    const read = (chunk: Buffer) => {
      said += chunk.toString()
      const found = /^listening (\d+)$/m.exec(said)
      if (found !== null) resolve(Number(found[1]))
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.once('error', reject)
    child.once('exit', () => reject(new Error(`a gateway ended before it served:\n${said}`)))
  })
  return { child, port }
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise(resolve => child.once('exit', resolve))
  child.stdin?.end()
  await gone
}

const readEntry = (line: string) => entrySchema.parse(JSON.parse(line))
