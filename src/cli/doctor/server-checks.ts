import { monotonicMs } from '../../core/time.js'
import { isSluiceError } from '../../errors.js'
import { countText, durationText } from '../../replay/render/wording.js'
import { type Finding, failed, ok, skipped, warning } from './finding.js'
import { type ServerInfo, versionOf } from './server-info.js'

/** Asks the one server that is looked at. */
export type Ask = (command: string, ...args: readonly string[]) => Promise<unknown>

const TRIPS = 20
/** A fifth of the default deadline of a check. */
const SLOW_MS = 20
const CLOCK_APART_MS = 1_000
const NEARLY_FULL = 0.9
const BUSY_MIN_MS = 100

/**
 * What can be said of one server, from what it tells of itself.
 *
 * @param info undefined where the user may not know
 */
export async function checkServer(
  ask: Ask,
  info: ServerInfo | undefined,
  nowMs: () => number,
): Promise<readonly Finding[]> {
  const told =
    info === undefined
      ? []
      : [checkVersion(info), checkMemory(info), checkPersistence(info), await checkReplication(ask, info)]
  return [...told, await checkLatency(ask), await checkClock(ask, nowMs), await checkBusyLimit(ask)]
}

export function checkVersion(info: ServerInfo): Finding {
  const { redis_version: redis, valkey_version: valkey } = info
  const major = Number.parseInt(valkey ?? redis ?? '', 10)
  const [oldest, newest] = valkey === undefined ? [7, 8] : [8, 9]
  const version = versionOf(info)
  if (Number.isNaN(major))
    return warning('version', version, 'Sluice is tried on Redis 7.0 to 8 and Valkey 8 and 9')
  if (major < oldest) {
    const advice = 'take Redis 7.0 or later, or Valkey 8 or later'
    return valkey === undefined ? failed('version', version, advice) : warning('version', version, advice)
  }
  if (major > newest)
    return warning('version', version, `newer than what Sluice is tried on (up to ${newest})`)
  return ok('version', version)
}

async function checkLatency(ask: Ask): Promise<Finding> {
  const tripsMs: number[] = []
  for (let i = 0; i < TRIPS; i++) {
    const startMs = monotonicMs()
    // Every user of Sluice may ask for the time; PING is another right.
    await ask('TIME')
    tripsMs.push(monotonicMs() - startMs)
  }
  tripsMs.sort((a, b) => a - b)
  const medianMs = tripsMs[TRIPS / 2] as number
  const slowestMs = tripsMs[TRIPS - 1] as number
  const found = `${millis(medianMs)} a round trip, ${millis(slowestMs)} at worst of ${TRIPS}`
  if (medianMs <= SLOW_MS) return ok('latency', found)
  return warning(
    'latency',
    found,
    'a check takes at least so long, of the 100 ms that it may take by default: bring the store nearer, or raise the deadline',
  )
}

const millis = (ms: number): string => `${ms < 10 ? ms.toFixed(2) : Math.round(ms)} ms`

async function checkClock(ask: Ask, nowMs: () => number): Promise<Finding> {
  const beforeMs = nowMs()
  const [seconds, micros] = (await ask('TIME')) as [string, string]
  const apartMs = Number(seconds) * 1000 + Number(micros) / 1000 - (beforeMs + nowMs()) / 2
  const found = `${durationText(Math.abs(apartMs))} ${apartMs < 0 ? 'behind' : 'ahead of'} this machine`
  if (Math.abs(apartMs) <= CLOCK_APART_MS) return ok('clock', found)
  return warning(
    'clock',
    found,
    'counters go by the clock of the store, so limits hold; quotas begin and end by it: keep both in step with NTP',
  )
}

export function checkMemory(info: ServerInfo): Finding {
  const { maxmemory, maxmemory_policy: policy, used_memory: used, evicted_keys: evicted } = info
  const gone = evicted === 0 ? '' : `, ${countText(evicted)} keys evicted so far`
  const limit = maxmemory === 0 ? 'no maxmemory' : `${bytes(used)} of ${bytes(maxmemory)} used`
  const found = `${limit}, ${policy}${gone}`
  if (policy.startsWith('allkeys-')) {
    return warning(
      'memory',
      found,
      'under memory pressure it drops counters that are in use, and their subjects start anew: set maxmemory-policy to ' +
        'volatile-ttl, or give the limiters a server of their own',
    )
  }
  if (maxmemory === 0) return ok('memory', found)
  if (policy === 'noeviction') {
    const advice =
      'once full it refuses writes, and checks fail by their onStoreFailure: set maxmemory-policy to volatile-ttl, which ' +
      'drops first what ends first'
    return used >= maxmemory ? failed('memory', found, advice) : warning('memory', found, advice)
  }
  if (used >= maxmemory * NEARLY_FULL || evicted > 0) {
    return warning('memory', found, 'counters may be dropped before they end: raise maxmemory')
  }
  return ok('memory', found)
}

export function checkPersistence(info: ServerInfo): Finding {
  const { loading, rdb_last_bgsave_status: snapshot, aof_enabled: aof, aof_last_write_status: written } = info
  if (loading !== '0') {
    return failed('persistence', 'it is loading its data', 'wait: until then it refuses every command')
  }
  if (snapshot !== 'ok' || written !== 'ok') {
    return failed(
      'persistence',
      `its last ${snapshot === 'ok' ? 'write to the append-only file' : 'snapshot'} failed`,
      'it may refuse writes (MISCONF): look at its log and its disk',
    )
  }
  return ok(
    'persistence',
    aof === '1' ? 'append-only file' : 'no append-only file: a crash may cost counters',
  )
}

async function checkReplication(ask: Ask, info: ServerInfo): Promise<Finding> {
  const { role, connected_slaves: replicas, min_slaves_good_slaves: good } = info
  if (role !== 'master') {
    return failed('replication', `it is a ${role}`, 'it refuses writes: point the store at the primary')
  }
  const fewest = Number((await configOf(ask, 'min-replicas-to-write')) ?? 0)
  const found = `primary with ${replicas === 1 ? '1 replica' : `${replicas} replicas`}`
  if (fewest > (good ?? replicas)) {
    return failed(
      'replication',
      `${found}, min-replicas-to-write ${fewest}`,
      'it refuses writes (NOREPLICAS): bring replicas up, or lower min-replicas-to-write',
    )
  }
  return ok('replication', replicas === 0 ? `${found}: when it is lost, so are the counters` : found)
}

async function checkBusyLimit(ask: Ask): Promise<Finding> {
  const limit = (await configOf(ask, 'busy-reply-threshold')) ?? (await configOf(ask, 'lua-time-limit'))
  if (limit === undefined) return skipped('busy scripts', 'the user may not read busy-reply-threshold')
  const found = `others are told BUSY after ${limit} ms of one script`
  if (Number(limit) <= 0)
    return warning('busy scripts', 'no limit on a script of anybody', 'set busy-reply-threshold to 5000')
  if (Number(limit) < BUSY_MIN_MS) {
    return warning('busy scripts', found, 'a short stall of the machine is told as BUSY: set it to 5000')
  }
  return ok('busy scripts', found)
}

/** Undefined where the user may not know, or the server has no such setting. */
async function configOf(ask: Ask, name: string): Promise<string | undefined> {
  try {
    const reply = (await ask('CONFIG', 'GET', name)) as readonly string[]
    return reply[1]
  } catch (error) {
    if (isSluiceError(error, 'ERR_SLUICE_PERMISSION')) return undefined
    throw error
  }
}

const UNITS = ['bytes', 'KB', 'MB', 'GB', 'TB']

function bytes(count: number): string {
  const power = count === 0 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(count) / 10))
  const value = count / 1024 ** power
  return `${value < 10 && power > 0 ? value.toFixed(1) : Math.round(value)} ${UNITS[power]}`
}
