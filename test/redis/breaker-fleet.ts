import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach } from 'vitest'
import { type BreakerOptions, type CircuitBreaker, createBreaker } from '../../src/breaker/index.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'

export const down = new Error('the other side is down')

/** Set by `beforeEach`. */
export let server: RedisServer
/** What each test ends with, the last one first. */
export const closers: (() => Promise<unknown> | unknown)[] = []

/** Each test of the file has a Redis of its own. */
export function useRedis(): void {
  beforeEach(async () => {
    server = await startRedis()
    closers.push(() => server.stop())
  })
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close()
  })
}

export interface Member {
  readonly breaker: CircuitBreaker
  readonly transitions: string[]
  readonly told: string[]
}

/** A breaker as another process of the fleet has one. */
export function member(options: BreakerOptions = {}): Member {
  // Long enough for a busy machine: what is counted must not depend on it.
  const breaker = createBreaker({ store: server.url, name: 'up', deadline: '5s', ...options })
  const transitions: string[] = []
  const told: string[] = []
  breaker.on('transition', ({ from, to, source }) => transitions.push(`${source}: ${from} → ${to}`))
  breaker.on('storeDown', () => told.push('down'))
  breaker.on('storeUp', () => told.push('up'))
  breaker.on('warning', ({ message }) => told.push(message))
  closers.push(() => breaker.close())
  return { breaker, transitions, told }
}

export async function fleetOf(size: number, options: BreakerOptions = {}): Promise<readonly Member[]> {
  const fleet = Array.from({ length: size }, () => member(options))
  await Promise.all(fleet.map(({ breaker }) => breaker.ready()))
  return fleet
}

export const transitionsOf = (fleet: readonly Member[]) => fleet.flatMap(({ transitions }) => transitions)

export async function fail({ breaker }: Member, subject = 'api'): Promise<void> {
  await breaker.run(subject, () => Promise.reject(down)).catch(() => {})
  await breaker.flush()
}

/** Who of them may call. */
export const permitsOf = async (fleet: readonly Member[], subject = 'api') => {
  const permits = await Promise.all(fleet.map(({ breaker }) => breaker.permit(subject)))
  return permits.flatMap(permit => (permit.allowed ? [permit] : []))
}

/** Asks until what it waits for has come about. */
export async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await holds())) await sleep(5)
}
