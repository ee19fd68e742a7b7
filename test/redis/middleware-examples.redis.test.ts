import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { afterEach, expect, inject, test } from 'vitest'

const root = new URL('../../', import.meta.url)

const running: ChildProcess[] = []
afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode === null && child.kill('SIGTERM')) await once(child, 'exit')
  }
})

/** Starts an example and reads its port from the line that it prints. */
async function start(example: string, database: number): Promise<string> {
  const args = [`examples/${example}`, '0', `${inject('redisUrl')}/${database}`]
  const child = spawn(process.execPath, ['--import', './scripts/run-source.ts', ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  running.push(child)
  for await (const line of createInterface({ input: child.stdout })) {
    const port = /(\d{4,5})\D*$/.exec(line)?.[1]
    if (port !== undefined) return `http://127.0.0.1:${port}`
  }
  throw new Error(`${example} ended before it listened`)
}

async function statuses(times: number, ask: () => Promise<Response>): Promise<readonly number[]> {
  const seen: number[] = []
  for (let i = 0; i < times; i++) seen.push((await ask()).status)
  return seen
}

test('examples/express-service.ts: two replicas hold one limit for a user, and for sign-ins that fail', async () => {
  const [one, other] = await Promise.all([start('express-service.ts', 4), start('express-service.ts', 4)])
  const hello = (url: string) => () => fetch(`${url}/api/hello`, { headers: { 'x-user': 'ada' } })
  expect(await statuses(3, hello(one))).toEqual([200, 200, 200])
  expect(await statuses(3, hello(other))).toEqual([200, 200, 429])
  const refused = await hello(one)()
  expect(refused.headers.get('ratelimit-policy')).toBe('"perAddress";q=100;w=60, "perUser";q=5;w=60')
  expect(refused.headers.get('ratelimit')).toMatch(/^"perUser";r=0;t=\d+$/)

  const signIn = (url: string, password: string) => () =>
    fetch(`${url}/sign-in`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ user: 'ada', password }),
    })
  expect(await statuses(4, signIn(one, 'correct'))).toEqual([204, 204, 204, 204])
  expect(await statuses(2, signIn(one, 'guess'))).toEqual([401, 401])
  expect(await statuses(2, signIn(other, 'guess'))).toEqual([401, 429])
})

test('examples/fastify-service.ts: a limit that only watches, and a cost for each report', async () => {
  const url = await start('fastify-service.ts', 5)
  expect(await statuses(4, () => fetch(url))).toEqual([200, 200, 200, 200])
  const shadow = (await (await fetch(`${url}/shadow`)).json()) as object
  expect(shadow).toEqual({ stricter: { allowed: 3, refused: expect.any(Number), failed: 0 } })
  const report = (days: number) => () => fetch(`${url}/report?days=${days}`)
  expect(await statuses(1, report(8))).toEqual([200])
  expect(await statuses(1, report(8))).toEqual([429])
  expect(await statuses(1, report(2))).toEqual([200])
})
