import { randomBytes } from 'node:crypto'
import { accessSync, constants, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { createEngine } from '../../engine/create-engine.js'
import type { Engine } from '../../engine/engine.js'
import { ENGINE_OPTIONS, isRedisStore } from '../../engine/engine-options.js'
import { OptionError } from '../../errors.js'
import { show } from '../../policy/refusal.js'
import { compilePolicies, parseDuration } from '../../policy.js'
import { EngineDecider, LogClock } from '../../replay/engine-decider.js'
import type { FieldNames } from '../../replay/json-parser.js'
import { openLog } from '../../replay/log-source.js'
import { LOG_FORMATS, type LogFormat } from '../../replay/logged-request.js'
import { renderHtml } from '../../replay/render/html-report.js'
import { renderText } from '../../replay/render/text-report.js'
import { replay } from '../../replay/replay.js'
import { replayPolicies } from '../../replay/replay-policy.js'
import type { ReplayReport } from '../../replay/report.js'
import { FileError } from '../exit-codes.js'
import { interruptible } from '../interruptible.js'
import type { Output } from '../output.js'
import {
  addPolicyOptions,
  type PolicyOptions,
  partList,
  positiveInteger,
  readPolicyOptions,
} from '../policy-options.js'
import type { Progress } from '../progress-bar.js'

/** As many as the engine in memory can hold: an eviction would change what is decided. */
const SUBJECTS_MAX = 2 ** 24

interface ReplayCliOptions extends PolicyOptions {
  readonly store: string
  readonly by: readonly string[]
  readonly cost: number
  readonly format?: LogFormat
  readonly field: FieldNames
  readonly reorder: string
  readonly top: number
  readonly html?: string
  readonly json: boolean
}

const EXAMPLES = `
Examples:
  $ sluice replay access.log --policy 'per-ip=30/m'
  $ sluice replay access.log.gz --policy 'per-ip=30/m' --policy 'login=5/m@ip+path' --html report.html
  $ zcat access.log.*.gz | sluice replay - --policies policies.json --json
  $ sluice replay app.jsonl --policy 'per-tenant=1000/h@tenant' --field time=logged_at
`

export function addReplayCommand(program: Command, output: Output, progress: Progress): void {
  const command = program
    .command('replay')
    .description(
      'tell who would have been limited: decide every request of a web access log, under its own clock',
    )
    .argument('<file>', "the log, gzip or not; '-' for standard input")
  addPolicyOptions(command)
    .addOption(
      new Option(
        '--by <parts>',
        'what policies count by that do not say: ip, method, path, status, user-agent, …; ip+path for both',
      )
        .argParser(partList)
        .default(['ip'], 'ip'),
    )
    .addOption(new Option('--cost <n>', 'units each request costs').argParser(positiveInteger).default(1))
    .addOption(
      new Option('--format <name>', 'format of the log (default: told from its first lines)').choices(
        LOG_FORMATS,
      ),
    )
    .addOption(
      new Option(
        '--field <part=name>',
        'JSON lines: the field to read the time or a part from; may be repeated',
      )
        .argParser(collectField)
        .default({}, 'the usual names'),
    )
    .option(
      '--reorder <duration>',
      "how far lines may be out of order and still be put in order; '0' takes them as they come",
      '60s',
    )
    .addOption(
      new Option('--top <n>', 'subjects to list for each policy').argParser(positiveInteger).default(10),
    )
    .option(
      '--store <address>',
      "decide in 'memory' or in a Redis, under keys of its own that are deleted at the end",
      'memory',
    )
    .option('--html <file>', 'write the report as a page, too')
    .option('--json', 'print the report as JSON', false)
    .addHelpText('after', EXAMPLES)
    .action(async (file: string, options: ReplayCliOptions) => {
      if (options.html !== undefined) assertPageCanBe(options.html)
      const report = await interruptible(signal => runReplay(file, options, output, progress, signal))
      if (options.json) output.writeJson(report)
      else output.write(renderText(report, output))
      if (options.html !== undefined) {
        writePage(options.html, report)
        output.note(`wrote ${options.html}`)
      }
    })
}

async function runReplay(
  file: string,
  options: ReplayCliOptions,
  output: Output,
  progress: Progress,
  signal: AbortSignal,
): Promise<ReplayReport> {
  const policies = replayPolicies(compilePolicies(readPolicyOptions(options)), options.by)
  const reorderUs = readReorder(options.reorder)
  const clock = new LogClock()
  const engine = openEngine(options.store, clock)
  const decider = new EngineDecider(engine, clock)
  try {
    const log = await openLog(file, { onBytes: progress.onProgress, signal })
    await engine.ready()
    const { format, field: fields, cost, top: topCount } = options
    return await replay(log, { policies, decider, format, fields, reorderUs, cost, topCount, signal })
  } finally {
    progress.stop()
    await forget(decider, output)
    await engine.close()
  }
}

/** On a server, keys of a name that no limiter uses, and no other replay: nothing of them is shared. */
function openEngine(store: string, clock: LogClock): Engine {
  const read = ENGINE_OPTIONS.store.safeParse(store)
  if (!read.success)
    throw new OptionError(`store: ${read.error.issues.map(issue => issue.message).join('; ')}`)
  if (store !== 'memory' && !isRedisStore(store)) {
    throw new OptionError(
      `store: ${show(store)} may hold counters that are in use, and a replay takes only 'memory', or a Redis, where its keys stand apart`,
    )
  }
  const own =
    store === 'memory'
      ? { maxKeys: SUBJECTS_MAX }
      : { prefix: `sluice-replay-${randomBytes(6).toString('hex')}`, shared: false }
  return createEngine({ store, clock, ...own }).engine
}

/** The keys end by themselves as well, so a store that is gone by now is worth a word, not a failure. */
async function forget(decider: EngineDecider, output: Output): Promise<void> {
  try {
    await decider.forget()
  } catch (error) {
    output.note(`warning: the keys of the replay stay until they end (${(error as Error).message})`)
  }
}

const readReorder = (text: string): number => (text === '0' ? 0 : parseDuration(text, '--reorder'))

function collectField(text: string, before: FieldNames): FieldNames {
  const equals = text.indexOf('=')
  if (equals < 1 || equals === text.length - 1) {
    throw new InvalidArgumentError(`'${text}' is not a part and a field, such as 'ip=client.address'.`)
  }
  return { ...before, [text.slice(0, equals)]: text.slice(equals + 1) }
}

/** What is wrong with the name of the page is told before a long log is read. */
function assertPageCanBe(path: string): void {
  if (path === '-') throw new OptionError(`--html: '-' is no file; name one, such as report.html`)
  try {
    accessSync(dirname(path), constants.W_OK)
  } catch (error) {
    throw cannotWrite(path, error)
  }
}

function writePage(path: string, report: ReplayReport): void {
  try {
    writeFileSync(path, renderHtml(report))
  } catch (error) {
    throw cannotWrite(path, error)
  }
}

const cannotWrite = (path: string, error: unknown): FileError =>
  new FileError(`${path}: cannot be written (${(error as Error).message})`, { cause: error })
