import { randomBytes } from 'node:crypto'
import type { Plan } from '../core/plan.js'
import { Op } from '../core/step.js'
import type { Check } from '../engine/engine.js'
import type { Limit } from '../policy.js'
import type { RedisClient } from '../redis/redis-client.js'
import { RequestBlock } from '../redis/request-block.js'
import { translateServerError } from '../redis/server-errors.js'
import type { StoreNodes } from '../redis/store-nodes.js'
import type { Release, StateStep, StateStory } from './releases.js'
import type { Finding } from './releases-compare.js'

/** What stands at a key, in the form of the examples: text of a sorted set, bytes of a string. */
const READ = `
if redis.call('TYPE', KEYS[1]).ok == 'zset' then
  return table.concat(redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES'), ' ')
end
return redis.call('GET', KEYS[1]) or ''`

/**
 * Runs the script of each release on a server through the same examples, at the times that these tell, and compares what
 * is left in the keys. The keys are of this run alone, and are deleted after it.
 *
 * @returns undefined where neither release has examples
 * @throws SluiceError when the server cannot run scripts
 */
export async function showStates(
  before: Release,
  after: Release,
  store: StoreNodes,
): Promise<readonly Finding[] | undefined> {
  const golden = before.golden ?? after.golden
  if (golden === undefined) return undefined
  const findings: Finding[] = []
  for (const { name, decide } of [before, after]) {
    if (decide === undefined) continue
    const wrong = await runStories(decide, golden.states, store)
    const about = `states by ${name}`
    findings.push(
      wrong === undefined
        ? {
            about,
            verdict: 'same',
            found: `${golden.states.length} stories leave what they should`,
            meaning: '',
          }
        : {
            about,
            verdict: 'breaks',
            found: wrong,
            meaning:
              'they misread the counters of the other: a changed state needs a state version of its own',
          },
    )
  }
  return findings
}

/** @returns the first difference */
async function runStories(
  decide: string,
  stories: readonly StateStory[],
  store: StoreNodes,
): Promise<string | undefined> {
  const run = randomBytes(6).toString('hex')
  for (const [index, story] of stories.entries()) {
    const key = `sluice-compat-${run}:${index}`
    const node = store.nodeOf(key)
    try {
      const wrong = await runStory(node, decide, key, story)
      if (wrong !== undefined) return wrong
    } catch (error) {
      throw translateServerError(error)
    } finally {
      await node.call('DEL', key).catch(() => {})
    }
  }
  return undefined
}

async function runStory(
  node: RedisClient,
  decide: string,
  key: string,
  { algorithm, story, steps }: StateStory,
): Promise<string | undefined> {
  const block = new RequestBlock()
  let plan: Plan | undefined
  for (const [index, step] of steps.entries()) {
    plan = (step.plan as Plan | undefined) ?? plan
    block.add({ checks: [checkOf(step, plan as Plan)], keys: [key], nowUs: step.nowUs })
    const { keys, args } = block.take()
    await node.evaluate('eval', decide, keys, args)
    if (step.state === undefined) continue
    const found = Buffer.from((await node.evaluate('eval', READ, [key], [])) as Uint8Array)
    const expected = bytesOf(step.state)
    if (!found.equals(expected)) {
      const where = `${algorithm}, '${story}', after step ${index + 1} (${step.op})`
      return `${where}: the key holds 0x${found.toString('hex')}, and should hold 0x${expected.toString('hex')}`
    }
  }
  return undefined
}

const bytesOf = (state: string | readonly number[]): Buffer =>
  typeof state === 'string' ? Buffer.from(state) : Buffer.from(new Float64Array(state).buffer)

function checkOf({ op, n, at, lease }: StateStep, plan: Plan): Check {
  const limit: Limit = { policy: '', keyName: '', slot: 0, plan, limit: 0, windowMs: 0 }
  const check = { limit, plan, subject: '', op: Op[op], n, at }
  return lease === undefined ? check : { ...check, leaseId: lease }
}
