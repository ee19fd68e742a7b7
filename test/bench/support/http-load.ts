import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { createHistogram, performance, type RecordableHistogram } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import autocannon, { type Client, type Result } from 'autocannon'
import { USER_HEADER } from './http-contenders.ts'

/** What clients saw of one round. Latencies are in us, from the write of a request to the end of its answer. */
export interface Load {
  readonly requests: number
  readonly perSecond: number
  readonly p50Us: number
  readonly p99Us: number
}

/** How often autocannon looks whether the round is over. */
const SAMPLE_MS = 20
const USERS_PER_CONNECTION = 20

const usersOf = (connection: number): readonly string[] =>
  Array.from({ length: USERS_PER_CONNECTION }, (_, i) => `user-${connection * USERS_PER_CONNECTION + i}`)

const loadOf = (latencies: RecordableHistogram, perSecond: number): Load => ({
  requests: latencies.count,
  perSecond,
  p50Us: latencies.percentile(50),
  p99Us: latencies.percentile(99),
})

/** As much as the server can: every connection asks again as soon as it is answered. */
export async function saturate(port: number, connections: number, seconds: number): Promise<Load> {
  const latencies = createHistogram()
  const { promise, resolve, reject } = Promise.withResolvers<Result>()
  let connection = 0
  let firstMs = 0
  let lastMs = 0
  const running = autocannon(
    {
      url: `http://127.0.0.1:${port}`,
      connections,
      duration: seconds,
      sampleInt: SAMPLE_MS,
      // Users of its own for each connection: to make all of them for all takes longer than the round.
      setupClient(client: Client) {
        client.setRequests(usersOf(connection++).map(user => ({ headers: { [USER_HEADER]: user } })))
      },
    },
    (error, result) => (error ? reject(error) : resolve(result)),
  )
  // autocannon reports latencies in whole ms and the duration in hundredths of a second; what it measures is finer.
  running.on('response', (_client, _status, _bytes, ms) => {
    latencies.record(Math.ceil(ms * 1000))
    lastMs = performance.now()
    firstMs ||= lastMs
  })
  const { errors, non2xx } = await promise
  if (errors > 0 || non2xx > 0) throw new Error(`${errors} requests failed, and ${non2xx} were refused`)
  return loadOf(latencies, ((latencies.count - 1) * 1000) / (lastMs - firstMs))
}

/** One connection that is kept open, with a request under way or none. */
class Line {
  readonly #socket: Socket
  readonly #requests: readonly Buffer[]
  readonly #onAnswer: (line: Line, us: number) => void
  #next = 0
  #askedMs = 0

  constructor(port: number, requests: readonly Buffer[], onAnswer: (line: Line, us: number) => void) {
    this.#requests = requests
    this.#onAnswer = onAnswer
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.#socket.on('data', answer => this.#answered(answer))
  }

  async opened(): Promise<this> {
    await once(this.#socket, 'connect')
    return this
  }

  /** @param askedMs when the request was to be sent */
  ask(askedMs: number): void {
    this.#askedMs = askedMs
    this.#socket.write(this.#requests[this.#next++ % this.#requests.length] as Buffer)
  }

  close(): void {
    this.#socket.destroy()
  }

  /** Answers this small come as one piece, and what does not look like one is none. */
  #answered(answer: Buffer): void {
    const us = (performance.now() - this.#askedMs) * 1000
    const isWhole = answer.toString('latin1', 0, 12) === 'HTTP/1.1 200' && answer.at(-1) === 0x7d
    if (!isWhole) throw new Error(`an answer of another kind: ${answer.toString()}`)
    this.#onAnswer(this, Math.max(1, Math.ceil(us)))
  }
}

/**
 * So many requests a second, whether or not those before were answered: those of each ms at once, on connections that
 * are free. One that finds none waits for it, and its latency counts from when it was to be sent.
 */
export async function trickle(
  port: number,
  connections: number,
  seconds: number,
  perSecond: number,
): Promise<Load> {
  const latencies = createHistogram()
  const dueMs: number[] = []
  const free: Line[] = []
  const onAnswer = (line: Line, us: number) => {
    latencies.record(us)
    const askedMs = dueMs.shift()
    if (askedMs === undefined) free.push(line)
    else line.ask(askedMs)
  }
  const requestsOf = (connection: number) =>
    usersOf(connection).map(user =>
      Buffer.from(`GET / HTTP/1.1\r\nHost: localhost\r\n${USER_HEADER}: ${user}\r\n\r\n`),
    )
  const lines = Array.from({ length: connections }, (_, i) => new Line(port, requestsOf(i), onAnswer))
  free.push(...(await Promise.all(lines.map(line => line.opened()))))
  const total = Math.round(perSecond * seconds)
  const startMs = performance.now()
  for (let asked = 0; asked < total; await delay(1)) {
    const nowMs = performance.now()
    const due = Math.min(total, Math.floor(((nowMs - startMs) * perSecond) / 1000))
    for (; asked < due; asked++) {
      const line = free.shift()
      if (line === undefined) dueMs.push(nowMs)
      else line.ask(nowMs)
    }
  }
  while (latencies.count < total) await delay(1)
  const spentMs = performance.now() - startMs
  for (const line of lines) line.close()
  return loadOf(latencies, (total / spentMs) * 1000)
}
