/**
 * A breaker shared by two processes. An upstream fails, both workers stop calling it although neither has seen five
 * failures, one of them probes, and both go on when it is well again.
 *
 *   node --import ./scripts/run-source.ts examples/shared-breaker.ts redis://localhost:6379
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { createBreaker } from 'sluice/breaker'

const [store = 'redis://localhost:6379', upstream] = process.argv.slice(2)

interface Report {
  readonly failed: number
  readonly transitions: readonly string[]
}

/** Calls the upstream until told to stop, and tells the parent what became of it. */
async function work(server: string): Promise<void> {
  const breaker = createBreaker({
    store,
    name: 'example',
    scope: 'PerServer',
    failureThreshold: 5,
    successThreshold: 2,
    timeout: '300ms',
    maxAge: '50ms',
    deadline: '2s',
  })
  const transitions: string[] = []
  breaker.on('transition', ({ from, to }) => transitions.push(`${from} → ${to}`))
  await breaker.ready()
  process.send?.('ready')
  await once(process, 'message')
  let isOver = false
  process.once('message', () => {
    isOver = true
  })
  while (!isOver) {
    const outcome = await breaker
      .run({ server }, () => fetch(server))
      .then(
        ({ ok }) => (ok ? 'passed' : 'failed'),
        () => 'refused',
      )
    process.send?.(outcome)
    await sleep(20)
  }
  await breaker.close()
  process.send?.({ failed: breaker.metrics().failedRequests, transitions })
  process.disconnect()
}

async function main(): Promise<void> {
  let isWell = false
  let calls = 0
  const server = createServer((_, response) => {
    calls++
    response.writeHead(isWell ? 200 : 503, { connection: 'close' }).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }

  const workers = [1, 2].map(() => {
    const child = fork(process.argv[1] as string, [store, `http://127.0.0.1:${port}/`])
    const latest = { outcome: '' }
    const report = new Promise<Report>(resolve => {
      child.on('message', message => {
        if (typeof message === 'string') latest.outcome = message
        else resolve(message as Report)
      })
    })
    return { child, latest, report }
  })
  const both = async (outcome: string) => {
    while (!workers.every(({ latest }) => latest.outcome === outcome)) await sleep(5)
  }

  await both('ready')
  for (const { child } of workers) child.send('go')
  await both('refused')
  const callsWhileDown = calls
  isWell = true
  await both('passed')
  for (const { child } of workers) child.send('stop')
  const reports = await Promise.all(workers.map(({ report }) => report))
  server.close()
  server.closeAllConnections()
  console.log(JSON.stringify({ callsWhileDown, reports }, null, 2))
}

if (upstream === undefined) await main()
else await work(upstream)
