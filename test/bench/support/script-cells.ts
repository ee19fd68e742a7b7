import { readFileSync } from 'node:fs'
import { type Plan, planRow } from '../../../src/core/plan.ts'
import { Op } from '../../../src/core/step.ts'
import { encodeCommand, type RawRedis } from './raw-redis.ts'

export const KEYS = 10_000
const CHECKS_PER_ROUND = 20_480
const WINDOW_US = 60_000_000

/** One workload: the same commands, over the same keys, round after round. */
export interface Cell {
  readonly name: string
  readonly checksPerRound: number
  readonly warmRounds: number
  commands(round: number): Buffer[]
  before?(redis: RawRedis): Promise<void>
  /** Throws when the replies are not what the workload means: a fast wrong answer must not win. */
  verify(replies: readonly Buffer[]): void
}

const decide = readFileSync(new URL('../../../lua/dist/decide.lua', import.meta.url), 'utf8')
const library = readFileSync(new URL('../../../lua/dist/functions.lua', import.meta.url), 'utf8')
const DECIDE_FUNCTION = /function_name = '(\w+_decide)'/.exec(library)?.[1] as string
const INCR_LOOP = "for i = 1, #KEYS do redis.call('INCR', KEYS[i]) end return 1"
/** The counters of the INCR loop live as long as a limiter's keys do: looking up an expiry is part of every access. */
const INCR_AND_EXPIRE = `${INCR_LOOP.replace(' end', " redis.call('PEXPIRE', KEYS[i], 3600000) end")}`
/** GCRA as it is usually written: one key, GET and SET PX, arguments one by one, a list as reply. */
const TEXTBOOK = `
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local arrival = tonumber(redis.call('GET', KEYS[1]) or now)
if arrival < now then arrival = now end
local next = arrival + interval
if next - now > interval * burst then
  return { 0, 0, arrival + interval - now - interval * burst, arrival - now }
end
redis.call('SET', KEYS[1], string.format('%.0f', next), 'PX', math.ceil((next - now) / 1000))
return { 1, math.floor((interval * burst - (next - now)) / interval), 0, next - now }`

const gcra = (perSecond: number, burst: number): Plan => {
  const interval = Math.ceil(8e6 / perSecond)
  const cap = burst * interval
  return { algorithm: 'gcra', interval, cap, burst, debtCap: cap, horizon: cap, settleUs: 0 }
}
const fixedWindow = (limit: number, windowUs: number): Plan => ({
  ...{ algorithm: 'fixed_window', limit, windowUs, debtLimit: limit, clockAnchored: 0, offsetUs: 0 },
})
const bucket = (algorithm: 'token_bucket' | 'leaky_bucket', perSecond: number, burst: number): Plan => ({
  ...{ algorithm, burst, debtLimit: burst, drainUnits: perSecond, drainUs: 1_000_000 },
  ...{ emptyAfterUs: Math.ceil((burst * 1e6) / perSecond) + 2, settleUs: 0, shape: 0 },
})
const counter = (limit: number): Plan => ({
  ...{ algorithm: 'sliding_counter', limit, windowUs: WINDOW_US, debtLimit: limit },
})
const log = (limit: number): Plan => ({
  ...{ algorithm: 'sliding_window', limit, windowUs: WINDOW_US, debtLimit: limit, resolutionUs: 1 },
})
const quota = (total: number): Plan => {
  const day = 86_400_000_000
  const start = Math.floor((Date.now() * 1000) / day) * day
  const periods = { period0Us: start, period1Us: start + day, period2Us: start + 2 * day }
  return { algorithm: 'quota', total, ...periods, spread: 0, spreadBurst: total, debtLimit: total }
}
const concurrency = (limit: number): Plan => ({ algorithm: 'concurrency', limit, leaseUs: WINDOW_US })

/** Two plans by turns over the keys. Ahead: the state is ahead of now at every check; behind: long past. */
const LIVE: Record<string, { plans: [Plan, Plan]; says: string }> = {
  gcra: {
    plans: [gcra(5, 1_000_000), gcra(1_000_000, 1000)],
    says: 'half the keys ahead of now, half behind',
  },
  fixed_window: {
    plans: [fixedWindow(1e9, WINDOW_US), fixedWindow(1e9, 250_000)],
    says: 'half in windows of 60 s, half of 250 ms',
  },
  token_bucket: {
    plans: [bucket('token_bucket', 5, 1e6), bucket('token_bucket', 100_000, 1e6)],
    says: 'half full',
  },
  leaky_bucket: {
    plans: [bucket('leaky_bucket', 5, 1e6), bucket('leaky_bucket', 100_000, 1e6)],
    says: 'half full',
  },
  sliding_counter: { plans: [counter(1e8), counter(1e8)], says: '60 s' },
  sliding_window: { plans: [log(100), log(100)], says: '100 per 60 s' },
  quota: { plans: [quota(1e9), quota(1e9)], says: 'a day' },
}
const FULL: Record<string, Plan> = {
  gcra: gcra(0.001, 1),
  fixed_window: fixedWindow(1, 3_600_000_000),
  token_bucket: {
    ...bucket('token_bucket', 1, 1),
    drainUs: 3_600_000_000,
    emptyAfterUs: 3_600_000_002,
  } as Plan,
  sliding_counter: { ...counter(1), windowUs: 3_600_000_000 } as Plan,
  sliding_window: { ...log(1), windowUs: 3_600_000_000 } as Plan,
  quota: quota(1),
}
const OPS = ['consume', 'peek', 'grant', 'debit', 'refund'] as const

export async function cells(redis: RawRedis): Promise<Cell[]> {
  const load = async (text: string): Promise<string> =>
    (await redis.call('SCRIPT', 'LOAD', text)).toString('latin1').split('\r\n')[1] as string
  const sha = {
    decide: await load(decide),
    incr: await load(INCR_LOOP),
    incrAndExpire: await load(INCR_AND_EXPIRE),
    textbook: await load(TEXTBOOK),
  }
  await redis.call('FUNCTION', 'LOAD', 'REPLACE', library)
  const made: Cell[] = []

  for (const batch of [1, 4, 16, 64, 256]) {
    made.push(
      plain(`INCR loop, batch ${batch}`, batch, (keys, round) => {
        return ['EVALSHA', round < 0 ? sha.incrAndExpire : sha.incr, String(keys.length), ...keys]
      }),
    )
  }
  made.push(
    plain(
      'INCR loop, every key new, batch 64',
      64,
      keys => ['EVALSHA', sha.incr, String(keys.length), ...keys],
      true,
    ),
    plain('textbook GET and SET PX, one check', 1, ([key]) => [
      'EVALSHA',
      sha.textbook,
      '1',
      key as string,
      '100',
      '1000000',
    ]),
  )
  for (const algorithm of ['gcra', 'fixed_window'] as const) {
    const { plans, says } = LIVE[algorithm] as (typeof LIVE)[string]
    for (const batch of [1, 4, 16, 64, 256]) {
      made.push(
        decideCell(`${algorithm} consume, batch ${batch}, ${says}`, sha.decide, plans, { batch, verdict: 1 }),
      )
    }
    for (const batch of [1, 64]) {
      made.push(
        decideCell(`${algorithm} consume as a function, batch ${batch}`, DECIDE_FUNCTION, plans, {
          ...{ batch, verdict: 1, command: 'FCALL' },
        }),
      )
    }
    made.push(
      decideCell(`${algorithm} consume, every key new, batch 64`, sha.decide, plans, {
        batch: 64,
        verdict: 1,
        fresh: true,
      }),
      decideCell(`${algorithm} consume, requests of 4, batch 64`, sha.decide, plans, {
        batch: 64,
        verdict: 1,
        size: 4,
      }),
      decideCell(`${algorithm} consume, requests of 4, batch 4`, sha.decide, plans, {
        batch: 4,
        verdict: 1,
        size: 4,
      }),
    )
  }
  for (const [algorithm, { plans }] of Object.entries(LIVE)) {
    for (const op of OPS) {
      if (op === 'consume' && (algorithm === 'gcra' || algorithm === 'fixed_window')) continue
      const verdict = algorithm === 'sliding_window' ? undefined : 1
      made.push(
        decideCell(`${algorithm} ${op}, batch 64`, sha.decide, plans, {
          batch: 64,
          op: Op[op],
          ...(verdict ? { verdict } : {}),
        }),
      )
    }
  }
  for (const [algorithm, plan] of Object.entries(FULL)) {
    made.push(
      decideCell(`${algorithm} refused, batch 64`, sha.decide, [plan, plan], {
        batch: 64,
        verdict: 0,
        warm: 6,
      }),
    )
  }
  made.push(
    decideCell('concurrency acquire, batch 64', sha.decide, [concurrency(1e6), concurrency(1e6)], {
      batch: 64,
      verdict: 1,
      lease: 'l',
    }),
    decideCell('concurrency release, batch 64', sha.decide, [concurrency(1e6), concurrency(1e6)], {
      ...{ batch: 64, verdict: 1, lease: 'l', op: Op.refund },
    }),
  )
  return made
}

interface DecideCell {
  batch: number
  /** Default: EVALSHA. */
  command?: 'EVALSHA' | 'FCALL'
  op?: number
  /** The status every check must have once warm. Absent: any that is no error. */
  verdict?: number
  /** Checks in a request. */
  size?: number
  /** New keys at every round. */
  fresh?: boolean
  warm?: number
  lease?: string
}

/** @param script the digest, or the name of a function */
function decideCell(name: string, script: string, plans: readonly [Plan, Plan], cell: DecideCell): Cell {
  const { batch, command = 'EVALSHA', op = Op.consume, size = 1 } = cell
  const columns = size > 1 ? 5 : cell.lease ? 4 : op === Op.consume ? 2 : 3
  const block = Buffer.alloc(8 * (5 + 16 + columns * batch))
  const numbers = [1, 0, 2, batch, columns, ...planRow(plans[0]), ...planRow(plans[1])]
  for (let i = 0; i < batch; i++) numbers.push(1 + (i % 2))
  for (let i = 0; i < batch; i++) numbers.push(1)
  if (columns > 2) for (let i = 0; i < batch; i++) numbers.push(op)
  if (columns > 3) for (let i = 0; i < batch; i++) numbers.push(cell.lease ? 2 : 0)
  if (columns > 4) for (let i = 0; i < batch; i++) numbers.push(i % size === 0 ? size : 0)
  for (const [i, number] of numbers.entries()) block.writeDoubleLE(number, 8 * i)
  const lease = cell.lease ? [cell.lease] : []
  let warmings = cell.warm ?? 0
  const made = plain(
    name,
    batch,
    keys => [command, script, String(keys.length), ...keys, block, ...lease],
    cell.fresh,
  )
  return {
    ...made,
    warmRounds: cell.warm ?? made.warmRounds,
    verify(replies) {
      const warming = warmings-- > 0
      for (const reply of replies) {
        const head = reply.indexOf('\r\n') + 2
        if (reply[0] !== 0x24) throw new Error(`${name}: ${reply.toString()}`)
        for (let i = 0; i < batch; i++) {
          const status = reply.readDoubleLE(head + 8 * (3 + 5 * i))
          const wrong = cell.verdict === undefined ? status < 0 : status !== cell.verdict
          if (wrong && !warming) throw new Error(`${name}: check ${i + 1} has status ${status}`)
        }
      }
    },
  }
}

/** A cell whose batches name every key once before any comes again, in another order each round. */
function plain(
  name: string,
  batch: number,
  command: (keys: string[], round: number) => (string | Buffer)[],
  fresh = false,
): Cell {
  const checksPerRound = fresh
    ? Math.floor(KEYS / 2 / batch) * batch
    : Math.floor(CHECKS_PER_ROUND / batch) * batch
  const random = generator(name.length * 7919 + batch)
  // Workloads of one algorithm share their keys, so that the server holds few more than a user's would.
  const keySet = fresh
    ? name
    : (name.split(/ (?:consume|peek|grant|debit|refund|acquire|release)|,/)[0] as string)
  return {
    name,
    checksPerRound,
    warmRounds: fresh ? 0 : 4,
    commands(round) {
      const made: Buffer[] = []
      let order: number[] = []
      while (made.length * batch < checksPerRound) {
        if (order.length < batch) order = shuffled(random)
        // Plans go by turns over the checks, so a key of even number always meets the first.
        const keys = order
          .splice(-batch)
          .map((pair, i) => keyOf(keySet, fresh ? round : 0, 2 * pair + (i % 2)))
        made.push(encodeCommand(command(keys, round)))
      }
      return made
    },
    verify(replies) {
      for (const reply of replies) if (reply[0] === 0x2d) throw new Error(`${name}: ${reply.toString()}`)
    },
  }
}

const keyOf = (keySet: string, round: number, k: number): string =>
  `sl1:{0}:${keySet.replaceAll(' ', '-')}:${round}:user${k}`

function shuffled(random: () => number): number[] {
  const order = Array.from({ length: KEYS / 2 }, (_, pair) => pair)
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[order[i], order[j]] = [order[j] as number, order[i] as number]
  }
  return order
}

/** mulberry32: the same keys at every run. */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
