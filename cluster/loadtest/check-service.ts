/**
 * A gateway, as small as it can be: asks its limiter about every request and answers 200 or 429, and 503 where the
 * limiter could not decide. Writes down what the store decided, one line of JSON for each check.
 *
 *   node --import ./scripts/run-source.ts cluster/loadtest/check-service.ts '{"store": …, "policies": …, "record": "FILE"}'
 *
 * It prints `listening PORT`, and ends when its standard input ends: it never outlives the one who started it.
 */
import { openSync, writeSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLimiter, type Decision, isSluiceError, type PoliciesInput } from 'sluice'
import { type EngineOptions, openEngine } from 'sluice/engine'
import { z } from 'zod'
import type { Entry } from './entries.js'
import { RecordingEngine } from './recording-engine.js'

const READY_ATTEMPTS = 50
const READY_EVERY_MS = 200

// The store and the policies are the package's to read, and to refuse.
const setup = z
  .strictObject({
    store: z.custom<EngineOptions['store']>(),
    prefix: z.string(),
    policies: z.custom<PoliciesInput>(),
    record: z.string(),
  })
  .parse(JSON.parse(process.argv[2] ?? '{}'))

/** Written at once: what was decided is on record even when this process is killed the moment after. */
const record = openSync(setup.record, 'a')
const write = (entry: Entry) => writeSync(record, `${JSON.stringify(entry)}\n`)
const engine = new RecordingEngine(openEngine({ store: setup.store, prefix: setup.prefix }), write)
const limiter = createLimiter({
  store: engine,
  policies: setup.policies,
  // A load test is about the shared counters: a store that is gone shows as an error, and one that is slow as latency,
  // never as a decision of this process.
  onStoreFailure: 'closed',
  deadline: '10s',
})

const asked = z.object({
  policy: z.string(),
  subject: z.string(),
  /** ms to hold a unit of a concurrency limit. */
  hold: z.coerce.number().optional(),
})

/** `GET /check?policy=…&subject=…`; with `&hold=200`, holds a unit for 200 ms before it answers. */
async function decide(request: IncomingMessage): Promise<Decision> {
  const url = new URL(request.url ?? '', 'http://gateway')
  const { policy, subject, hold } = asked.parse(Object.fromEntries(url.searchParams))
  if (hold === undefined) {
    const askedUs = Date.now() * 1000
    const decision = await limiter.check(policy, subject)
    if (decision.source === 'deny-cache') write({ kind: 'remembered', policy, subject, askedUs })
    return decision
  }
  const lease = await limiter.acquire(policy, subject)
  if (lease.acquired) {
    await sleep(hold)
    await lease.release()
  }
  return lease.decision
}

function answer(response: ServerResponse, status: number, body: object, headers: object = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}

const server = createServer((request, response) => {
  decide(request).then(
    ({ allowed, reason, remaining, retryAfterMs, source }) => {
      if (reason === 'store-unavailable') return answer(response, 503, { error: reason })
      const body = { allowed, remaining, retryAfterMs, source }
      const headers = allowed ? {} : { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) }
      return answer(response, allowed ? 200 : 429, body, headers)
    },
    error => {
      if (isSluiceError(error)) answer(response, 503, { error: error.code })
      else answer(response, 500, { error: String(error) })
    },
  )
})

// The load begins when all gateways have said so; a store that is slow to answer at first is no reason to end.
for (let attempt = 1; ; attempt++) {
  const failure = await limiter.ready().then(
    () => undefined,
    error => ({ error }),
  )
  if (failure === undefined) break
  if (attempt === READY_ATTEMPTS) throw failure.error
  await sleep(READY_EVERY_MS)
}
// Longer than nginx keeps its connections: of two ends that may close an idle one, the one that sends must be first.
server.keepAliveTimeout = 120_000
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (address !== null && typeof address === 'object') process.stdout.write(`listening ${address.port}\n`)
})
process.stdin.on('end', () => process.exit()).resume()
