import { describe, expect, test } from 'vitest'
import { checkMemory, checkPersistence, checkVersion } from '../../../../src/cli/doctor/server-checks.js'
import { readInfo } from '../../../../src/cli/doctor/server-info.js'

const info = (...lines: string[]) => readInfo(`# Section\r\n${lines.join('\r\n')}\r\n`)

describe('the version of a server', () => {
  test.each([
    ['redis_version:7.0.15', 'ok', 'Redis 7.0.15'],
    ['redis_version:8.2.1', 'ok', 'Redis 8.2.1'],
    ['redis_version:6.2.14', 'failed', 'Redis 6.2.14'],
    ['redis_version:9.0.0', 'warning', 'Redis 9.0.0'],
    ['redis_version:unknown', 'warning', 'Redis unknown'],
  ])('%s is %s', (line, status, found) => {
    expect(checkVersion(info(line))).toMatchObject({ status, found })
  })

  test.each([
    ['valkey_version:8.1.1', 'ok', 'Valkey 8.1.1'],
    ['valkey_version:9.1.2', 'ok', 'Valkey 9.1.2'],
    ['valkey_version:7.2.5', 'warning', 'Valkey 7.2.5'],
    ['valkey_version:10.0.0', 'warning', 'Valkey 10.0.0'],
  ])('of Valkey, which calls itself a Redis 7 too, %s is %s', (line, status, found) => {
    expect(checkVersion(info('redis_version:7.2.4', line))).toMatchObject({ status, found })
  })
})

describe('the memory of a server', () => {
  const gigabyte = 2 ** 30
  const of = (policy: string, used: number, evicted = 0) =>
    checkMemory(
      info(
        `used_memory:${used}`,
        `maxmemory:${gigabyte}`,
        `maxmemory_policy:${policy}`,
        `evicted_keys:${evicted}`,
      ),
    )

  test('that is nearly used up, or has dropped keys, is a warning even where it drops what ends first', () => {
    expect(of('volatile-ttl', gigabyte / 2)).toMatchObject({
      status: 'ok',
      found: '512 MB of 1.0 GB used, volatile-ttl',
    })
    expect(of('volatile-ttl', 0.95 * gigabyte)).toMatchObject({
      status: 'warning',
      advice: expect.stringMatching(/raise maxmemory/),
    })
    expect(of('volatile-lru', gigabyte / 2, 12)).toMatchObject({
      status: 'warning',
      found: expect.stringMatching(/12 keys evicted/),
    })
  })
})

describe('the persistence of a server', () => {
  test.each([
    ['loading:1', 'failed'],
    ['rdb_last_bgsave_status:err', 'failed'],
    ['aof_last_write_status:err', 'failed'],
    ['aof_enabled:1', 'ok'],
    ['aof_enabled:0', 'ok'],
  ])('%s is %s', (line, status) => {
    expect(checkPersistence(info(line))).toMatchObject({ status })
  })
})
