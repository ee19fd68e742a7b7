import type { Redis } from 'ioredis'

/** Asks once about a subject, and tells whether it was admitted. */
export type Ask = (subject: string) => Promise<boolean>

/** What one contender did in one cell of one round. */
export interface Sample {
  readonly checks: number
  readonly admitted: number
  readonly perSecond: number
  readonly p50Us: number
  readonly p99Us: number
  readonly clientCpuUs: number
  readonly serverCpuUs: number
}

/** Numbers that look random and are the same in every run (numerical recipes' generator). */
export function sequence(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state
  }
}

async function serverCpuUs(servers: readonly Redis[]): Promise<number> {
  const infos = await Promise.all(servers.map(server => server.info('cpu')))
  const seconds = (info: string, field: string) => Number(new RegExp(`${field}:([0-9.]+)`).exec(info)?.[1])
  return infos.reduce(
    (sum, info) => sum + (seconds(info, 'used_cpu_user') + seconds(info, 'used_cpu_sys')) * 1e6,
    0,
  )
}

/**
 * Keeps `inFlight` requests unanswered for `ms`, each for a subject drawn evenly.
 *
 * @param redis for asking the server what it spent; of a cluster every master
 */
export async function closedLoop(
  ask: Ask,
  redis: Redis | readonly Redis[],
  subjects: readonly string[],
  inFlight: number,
  ms: number,
  seed: number,
): Promise<Sample> {
  const draw = sequence(seed)
  const latenciesMs: number[] = []
  let admitted = 0
  const servers = [redis].flat()
  const serverBefore = await serverCpuUs(servers)
  const clientBefore = process.cpuUsage()
  const startMs = performance.now()
  const caller = async () => {
    for (;;) {
      const sentMs = performance.now()
      if (sentMs - startMs > ms) return
      if (await ask(subjects[draw() % subjects.length] as string)) admitted++
      latenciesMs.push(performance.now() - sentMs)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, caller))
  const spentMs = performance.now() - startMs
  const client = process.cpuUsage(clientBefore)
  const server = (await serverCpuUs(servers)) - serverBefore

  const checks = latenciesMs.length
  const sorted = Float64Array.from(latenciesMs).sort()
  return {
    checks,
    admitted,
    perSecond: (checks / spentMs) * 1000,
    p50Us: (sorted[Math.floor(checks * 0.5)] as number) * 1000,
    p99Us: (sorted[Math.floor(checks * 0.99)] as number) * 1000,
    clientCpuUs: (client.user + client.system) / checks,
    serverCpuUs: server / checks,
  }
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number
}
