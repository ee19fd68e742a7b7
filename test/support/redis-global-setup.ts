import type { TestProject } from 'vitest/node'
import { type RedisServer, startRedis } from './redis-server.js'

declare module 'vitest' {
  export interface ProvidedContext {
    /** A Redis that every test file of the run shares: use keys of your own, never FLUSHALL or SCRIPT FLUSH, and stop nothing. */
    redisUrl: string
  }
}

let shared: { server: RedisServer; users: number } | undefined

/** One server for the run: every project that asks for it gets the same. */
export async function setup(project: TestProject): Promise<void> {
  if (shared === undefined) shared = { server: await startRedis(), users: 0 }
  shared.users++
  project.provide('redisUrl', shared.server.url)
}

export async function teardown(): Promise<void> {
  if (shared === undefined || --shared.users > 0) return
  await shared.server.stop()
  shared = undefined
}
