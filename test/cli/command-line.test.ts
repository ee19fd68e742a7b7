import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it, vi } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { exampleLog, runCli, runHere, spawnCli } from './run-cli.js'

const folder = mkdtempSync(join(tmpdir(), 'sluice-command-line-'))
vi.stubEnv('SLUICE_STORE', undefined)
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, content: string): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

const RATE = ['--policy', 'per-ip=30/m']
const MEMORY = ['--store', 'memory']

describe('the command line', () => {
  it('tells its version', async () => {
    expect(await runCli(['--version'])).toEqual({ code: 0, stdout: `${packageJson.version}\n`, stderr: '' })
  })

  it.each([['check'], ['peek'], ['reset'], ['inspect'], ['replay']])(
    'has help with examples for %s',
    async name => {
      const { code, stdout } = await runHere([name, '--help'])
      expect(code).toBe(0)
      expect(stdout).toMatch(new RegExp(`Examples:\\n  \\$ .*\\bsluice ${name} |sluice ${name} '`))
    },
  )

  it('shows its help, and ends as a mistake does, when it is told nothing', async () => {
    const { code, stderr } = await runCli([])
    expect(code).toBe(2)
    expect(stderr).toContain('Usage: sluice')
  })
})

describe('as a process, the command line', () => {
  it('ends with what it is told, its errors apart from its results', async () => {
    expect(await runCli(['check', 'per-ip', 'a', ...RATE, ...MEMORY])).toMatchObject({ code: 0, stderr: '' })
    const wrong = await runCli(['check', 'per-ip', 'a', ...RATE])
    expect(wrong).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^error: there is no store; .*\n$/),
    })
  })

  it('takes a reader that has seen enough for no failure', async () => {
    const child = spawnCli(['replay', exampleLog, ...RATE, '--json'])
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.stdout.destroy()
    expect(await new Promise(resolve => child.once('close', resolve))).toBe(0)
    expect(stderr).toBe('')
  })
})

describe('a mistake ends with 2 and one line that says what to do', () => {
  it.each([
    [['chek'], /unknown command 'chek'/],
    [['check', 'per-ip'], /missing required argument 'subject'/],
    [['replay', exampleLog, '--tpo', '3'], /unknown option '--tpo'/],
    [
      ['check', 'per-ip', 'a', ...RATE],
      /there is no store; give --store redis:\/\/host:6379, or set SLUICE_STORE/,
    ],
    [['check', 'per-ip', 'a', ...RATE, '--store', 'reddis://x'], /did you mean 'redis:\/\/'\?/],
    [['check', 'per-ip', 'a', ...MEMORY], /there is no policy; give --policy name=rate/],
    [
      ['check', 'per-pi', 'a', ...RATE, ...MEMORY],
      /there is no policy 'per-pi'; policies are per-ip.* did you mean 'per-ip'\?/,
    ],
    [['check', 'per-ip', 'a', ...RATE, ...MEMORY, '--cost', '0'], /'0' is not a whole number of at least 1/],
    [
      ['check', 'per-ip', 'a', ...RATE, ...MEMORY, '--cost', '1.5'],
      /'1\.5' is not a whole number of at least 1/,
    ],
    [
      ['check', 'per-ip', 'a', ...RATE, ...MEMORY, '--cost', '31'],
      /can never admit a cost of 31: its capacity is 30/,
    ],
    [
      ['check', 'per-ip', 'a', 'b', ...RATE, ...MEMORY],
      /'a' is not a part of a subject; write several parts as name=value/,
    ],
    [['check', 'per-ip', 'a=1', 'a=2', ...RATE, ...MEMORY], /the subject has two parts 'a'/],
    [['check', 'per-ip', '', ...RATE, ...MEMORY], /policy 'per-ip': the subject is empty/],
    [['replay', exampleLog, '--policy', '30/m'], /'30\/m' is not a name and a rate, such as 'per-ip=30\/m'/],
    [['replay', exampleLog, '--policy', 'a=30/lightyear'], /'lightyear' is not a unit/],
    [['replay', exampleLog, '--policy', 'a=30/m@ip+ip'], /'ip\+ip' is not a list of different parts/],
    [['replay', exampleLog, '--policy', 'a=1/m', '--policy', 'a=2/m'], /there are two policies 'a'/],
    [
      ['replay', exampleLog, ...RATE, '--algorithm', 'quota'],
      /argument 'quota' is invalid\. Allowed choices are gcra/,
    ],
    [
      ['replay', exampleLog, ...RATE, '--algorithm', 'fixed_window', '--burst', '5'],
      /policies\['per-ip'\]\.burst: has no effect on 'fixed_window'/,
    ],
    [['replay', exampleLog, ...RATE, '--reorder', 'a while'], /--reorder: 'a while' is not a duration/],
    [['replay', exampleLog, ...RATE, '--field', 'ip'], /'ip' is not a part and a field/],
    [
      ['replay', exampleLog, ...RATE, '--by', 'tenant'],
      /counts by 'tenant', which a log in the combined format does not tell/,
    ],
    [['inspect', 'foo', '--store', 'redis://127.0.0.1:1'], /'foo' is not a key of a limit.*<subject>\n$/],
    [['inspect', 'shop:sl1:meta', '--store', 'redis://127.0.0.1:1'], /; 'sluice meta' shows that one\n$/],
  ])('%j', async (args, message) => {
    const { code, stdout, stderr } = await runHere(args)
    expect(stderr).toMatch(message)
    expect(stderr).toMatch(/^error: [^\n]*\n(?:\(Did you mean .*\)\n)?$/)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  })

  it('also for a policy that is given twice, in a file and beside it', async () => {
    const policies = file('twice.json', '{"per-ip": "1/m"}')
    const { code, stderr } = await runHere(['replay', exampleLog, ...RATE, '--policies', policies])
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: `error: policy 'per-ip' is both in ${policies} and on the command line; give it once\n`,
    })
  })
})

describe('a file that cannot be used ends with 4', () => {
  it.each([
    [['replay', '/nowhere.log', ...RATE], /^error: \/nowhere\.log: cannot be read \(ENOENT.*\)\n$/],
    [
      ['replay', exampleLog, '--policies', '/nowhere.json'],
      /^error: \/nowhere\.json: cannot be read \(ENOENT.*\)\n$/,
    ],
    [
      ['replay', exampleLog, ...RATE, '--json', '--html', '/nowhere/a.html'],
      /^error: \/nowhere\/a\.html: cannot be written/,
    ],
  ])('%j', async (args, message) => {
    const { code, stdout, stderr } = await runHere(args)
    expect(stderr).toMatch(message)
    expect({ code, stdout }).toEqual({ code: 4, stdout: '' })
  })

  it.each([
    ['{"a":', /is not JSON/],
    ['["30/m"]', /is not an object of policies by name/],
  ])('as policies of %j do', async (content, message) => {
    const { code, stderr } = await runHere(['replay', exampleLog, '--policies', file('wrong.json', content)])
    expect(stderr).toMatch(message)
    expect(code).toBe(4)
  })

  it('as a log does that is none', async () => {
    const { code, stderr } = await runCli(['replay', '-', ...RATE], { input: 'a poem\nof two lines\n' })
    expect(stderr).toMatch(
      /^error: none of the first 2 lines is a request in the format common, combined, json; choose one/,
    )
    expect(code).toBe(4)
  })
})

it.each([
  [
    'json',
    'json; leave out --format to have it told from the first lines, or name the fields of JSON lines with',
  ],
  ['common', 'common; leave out --format to have it told from the first lines\n'],
])('a log in another format than %s is told what was chosen', async (format, words) => {
  const log = file('other.log', '{"ts":"yesterday"}\n')
  const { code, stderr } = await runHere(['replay', log, ...RATE, '--format', format])
  expect(stderr).toContain(`none of the first 1 lines is a request in the format ${words}`)
  expect(code).toBe(4)
})

it('a replay takes no file as its store: the counters in it may be in use', async () => {
  const path = join(folder, 'counters')
  const { code, stdout, stderr } = await runHere(['replay', exampleLog, ...RATE, '--store', `file:${path}`])
  expect(stderr).toContain("a replay takes only 'memory', or a Redis")
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(existsSync(path)).toBe(false)
})

it('a page is no standard output', async () => {
  const { code, stderr } = await runHere(['replay', exampleLog, ...RATE, '--html', '-'])
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: "error: --html: '-' is no file; name one, such as report.html\n",
  })
})

describe('a store that cannot be reached ends with 3', () => {
  it.each([
    [['check', 'per-ip', 'a', ...RATE]],
    [['replay', exampleLog, ...RATE]],
    [['inspect', 'sl1:{5b}:u:gcra:alice']],
  ])('%j', async args => {
    const { code, stdout, stderr } = await runHere([...args, '--store', 'redis://127.0.0.1:1'])
    expect(stderr).toMatch(/^error: Redis at 127\.0\.0\.1:1 cannot be reached: .*\n$/)
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
  })

  it('says where in the program with --debug, before or after the command', async () => {
    const args = ['check', 'per-ip', 'a', ...RATE, '--store', 'redis://127.0.0.1:1']
    for (const debugged of [
      ['--debug', ...args],
      [...args, '--debug'],
    ]) {
      expect((await runHere(debugged)).stderr).toMatch(/^error: StoreUnavailableError: .*\n {4}at /)
    }
  })
})
