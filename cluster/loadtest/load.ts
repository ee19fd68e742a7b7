import { Agent, get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Arrival } from './arrivals.js'

/** A request takes no longer than this, its hold aside: no answer is an error, not a refusal. */
const TIMEOUT_MS = 20_000

/** What came back of one request. */
export interface Answer {
  readonly policy: string
  readonly subject: string
  /** Anything but 200 and 429 is an error: nothing can be said of limits from it. */
  readonly verdict: 'allowed' | 'refused' | 'error'
  /** Of an error: the status, or the code of the socket's error. */
  readonly why: string
  /** From when the request was due, so that a late start counts, to its answer; without the hold. */
  readonly latencyMs: number
}

/** Sends each request when it is due, whatever became of those before it, and resolves with the answers to all. */
export async function sendAll(url: string, arrivals: readonly Arrival[]): Promise<Answer[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 512, maxFreeSockets: 512 })
  const startMs = performance.now()
  const answers: Promise<Answer>[] = []
  for (const arrival of arrivals) {
    const earlyMs = startMs + arrival.atMs - performance.now()
    if (earlyMs > 0) await sleep(earlyMs)
    answers.push(send(url, agent, arrival, startMs + arrival.atMs))
  }
  const all = await Promise.all(answers)
  agent.destroy()
  return all
}

async function send(url: string, agent: Agent, arrival: Arrival, dueMs: number): Promise<Answer> {
  const { policy, subject, holdMs } = arrival
  const status = await statusOf(url, agent, arrival).catch(
    (error: NodeJS.ErrnoException) => error.code ?? error.message,
  )
  const verdict = status === 200 ? 'allowed' : status === 429 ? 'refused' : 'error'
  const heldMs = verdict === 'allowed' ? (holdMs ?? 0) : 0
  return { policy, subject, verdict, why: String(status), latencyMs: performance.now() - dueMs - heldMs }
}

function statusOf(url: string, agent: Agent, { policy, subject, holdMs }: Arrival): Promise<number> {
  const query = new URLSearchParams({
    policy,
    subject,
    ...(holdMs !== undefined && { hold: String(holdMs) }),
  })
  return new Promise((resolve, reject) => {
    const request = get(`${url}/check?${query}`, { agent, timeout: TIMEOUT_MS + (holdMs ?? 0) }, response => {
      response.on('error', reject).on('end', () => resolve(response.statusCode ?? 0))
      response.resume()
    })
    request.on('timeout', () => request.destroy(new Error(`no answer in ${TIMEOUT_MS / 1000} s`)))
    request.on('error', reject)
  })
}
