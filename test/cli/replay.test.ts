import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { type ReplayReport, replayReportSchema } from '../../src/replay/report.js'
import { exampleLog, runCli, runHere } from './run-cli.js'

const realLog = fileURLToPath(new URL('../../../shared/data/access-2015.log.gz', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'sluice-replay-'))
afterAll(() => rmSync(folder, { recursive: true }))

const RATE = ['--policy', 'per-ip=30/m']

async function report(args: readonly string[]): Promise<ReplayReport> {
  const { code, stdout, stderr } = await runHere(['replay', ...args, '--json'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return replayReportSchema.parse(JSON.parse(stdout))
}

describe("a replay of the project's own log", () => {
  it('prints a table that names the offenders and the malformed lines', async () => {
    const { code, stdout, stderr } = await runCli(['replay', exampleLog, ...RATE])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain(
      'access.log: 1,958 requests, 2026-03-02 09:00 to 2026-03-02 10:59 UTC, combined format',
    )
    expect(stdout).toContain(
      'per-ip: 30 per minute by ip, gcra\n  229 refused (11.7 %), 1,729 allowed; 4 of 82 subjects',
    )
    expect(stdout).toMatch(/\n {2}203\.0\.113\.77 +335 +154 +46\.0 % +2 s /)
    expect(stdout).toContain('note: 2 malformed lines: no [time] after the client address (line 315, 1003)')
    expect(stdout).toContain('note: 1 line came too late to be put in order')
    // Neither colour nor anything else that only a terminal understands.
    expect(stdout).not.toContain('\x1b')
  })

  it('prints what the documents show', async () => {
    const page = readFileSync(new URL('../../docs/replay.md', import.meta.url), 'utf8')
    const { stdout } = await runHere(['replay', exampleLog, ...RATE])
    expect(page).toContain(stdout.slice(0, stdout.indexOf('\nnote:')))
  })

  it('is of the log that its script writes', () => {
    const path = join(folder, 'access.log')
    const script = fileURLToPath(new URL('../../scripts/build-example-log.ts', import.meta.url))
    execFileSync(process.execPath, [script, path])
    expect(readFileSync(path, 'utf8')).toBe(readFileSync(exampleLog, 'utf8'))
  })

  it('gives the same on standard input, gzip or not', async () => {
    const log = readFileSync(exampleLog)
    const fromFile = await report([exampleLog, ...RATE])
    const fromPipe = { ...fromFile, log: { ...fromFile.log, name: 'stdin' } }
    for (const input of [log, gzipSync(log)]) {
      const { stdout } = await runCli(['replay', '-', ...RATE, '--json'], { input })
      expect(JSON.parse(stdout)).toEqual(fromPipe)
    }
  })

  it('shares its budget by what a policy counts', async () => {
    const { policies } = await report([
      exampleLog,
      ...RATE,
      '--policy',
      'login=5/m@ip+path',
      '--policy',
      'agents=60/m@user-agent',
    ])
    expect(policies.map(({ name, by }) => [name, by])).toEqual([
      ['per-ip', ['ip']],
      ['login', ['ip', 'path']],
      ['agents', ['user-agent']],
    ])
    expect(policies[1]?.top[0]?.subject).toEqual({ ip: '203.0.113.140', path: '/login' })
    expect(policies[2]?.withoutSubject).toBe(1)
  })

  it('writes a page that loads nothing and runs nothing of the log', async () => {
    const page = join(folder, 'report.html')
    const { stderr } = await runHere([
      'replay',
      exampleLog,
      '--policy',
      'agents=1/d',
      '--by',
      'user-agent+path',
      '--top',
      '1000',
      '--html',
      page,
    ])
    expect(stderr).toBe(`wrote ${page}\n`)
    const html = readFileSync(page, 'utf8')
    expect(html).not.toMatch(/<script|<img|<link(?! rel="icon" href="data:,")|url\(|@import/i)
    expect(html).not.toMatch(/(?:src|href|srcset|action)="(?!data:,")/)
    expect((await report([exampleLog, '--policy', 'agents=1/d', '--by', 'path'])).log.format).toBe('combined')
  })

  it('escapes markup that a client sent as its user agent', async () => {
    const page = join(folder, 'hostile.html')
    const line =
      '203.0.113.8 - - [02/Mar/2026:10:10:00 +0000] "GET / HTTP/1.1" 200 5 "-" "<script>alert(1)</script>"\n'
    await runCli(['replay', '-', '--policy', 'agents=1/d@user-agent', '--html', page], {
      input: line.repeat(2),
    })
    const html = readFileSync(page, 'utf8')
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
    expect(html).not.toContain('<script')
  })

  it('tells what a shaping bucket, a quota and two limits at once would do', async () => {
    const policies = join(folder, 'policies.json')
    writeFileSync(
      policies,
      JSON.stringify({
        shaped: { limit: 60, window: '1m', burst: 20, algorithm: 'leaky_bucket', mode: 'shape', by: 'ip' },
        daily: { algorithm: 'quota', limit: 100, period: 'day', timeZone: 'Europe/Berlin', by: 'ip' },
        both: { limits: ['2/s', '300/h'], by: ['ip'] },
      }),
    )
    const { policies: told } = await report([exampleLog, '--policies', policies])
    expect(told.map(({ name }) => name)).toEqual(['shaped', 'daily', 'both'])
    expect(told[0]?.delayed).toBeGreaterThan(0)
    expect(told[1]).toMatchObject({ limitedSubjects: 5, longestWaitMs: expect.any(Number) })
    expect(told[1]?.top[0]).toMatchObject({ subject: { ip: '203.0.113.77' }, requests: 335, refused: 235 })
    expect(told[2]?.limits).toHaveLength(2)
  })
})

describe.runIf(existsSync(realLog))('a replay of a real log of 10,000 requests', () => {
  it('knows every request and client of it, though it is out of order', async () => {
    const { log, policies } = await report([
      realLog,
      '--policy',
      'per-ip=1/d',
      '--algorithm',
      'fixed_window',
      '--top',
      '2000',
    ])
    expect(log).toMatchObject({
      format: 'combined',
      lines: 10_000,
      requests: 10_000,
      malformed: { lines: 0 },
      late: 0,
      from: '2015-05-17T10:05:00.000Z',
      to: '2015-05-20T21:05:59.000Z',
    })
    expect(log.outOfOrder).toBeGreaterThan(9000)
    expect(policies[0]).toMatchObject({ requests: 10_000, subjects: 1753 })
    const busiest = policies[0]?.top.toSorted((a, b) => b.requests - a.requests)[0]
    expect(busiest).toMatchObject({ subject: { ip: '66.249.73.135' }, requests: 482 })
  })

  it('finds just the requests above 30 in any minute', async () => {
    const { policies } = await report([realLog, ...RATE, '--algorithm', 'sliding_window', '--top', '2000'])
    expect(policies[0]).toMatchObject({
      allowed: 9544,
      refused: 456,
      limitedSubjects: 31,
      longestWaitMs: 44_000,
    })
    expect(policies[0]?.top[0]).toMatchObject({ subject: { ip: '75.97.9.59' }, requests: 273, refused: 146 })
    const sum = policies[0]?.timeline.reduce((total, { allowed, refused }) => total + allowed + refused, 0)
    expect(sum).toBe(10_000)
  })
})
