import { readFileSync } from 'node:fs'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { z } from 'zod'
import { ALGORITHMS } from '../core/plan.js'
import { type PoliciesInput, parseRate } from '../policy.js'
import { FileError, UsageError } from './exit-codes.js'

/** A rate says everything of these; `quota` and `concurrency` have no rate and stand in a file. */
const RATE_ALGORITHMS = ALGORITHMS.filter(name => name !== 'quota' && name !== 'concurrency')

/** Options that say which policies there are. */
export interface PolicyOptions {
  readonly policies?: string
  readonly policy: readonly PolicyFlag[]
  readonly algorithm?: string
  readonly burst?: number
}

/** `--policy name=rate@part+part`. */
interface PolicyFlag {
  readonly name: string
  readonly rate: string
  readonly by: readonly string[]
}

export function addPolicyOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '-p, --policy <name=rate>',
        "a policy, such as 'per-ip=30/m'; 'name=rate@part+part' counts by these parts; may be repeated",
      )
        .argParser(collectPolicy)
        .default([], 'none'),
    )
    .option('--policies <file>', 'a JSON file of policies by name, as in docs/policies.md')
    .addOption(
      new Option('--algorithm <name>', "the algorithm of each --policy (default: 'gcra')").choices(
        RATE_ALGORITHMS,
      ),
    )
    .addOption(
      new Option('--burst <n>', 'the burst of each --policy (default: its limit)').argParser(positiveInteger),
    )
}

/** A whole number of at least 1. */
export function positiveInteger(text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < 1) {
    throw new InvalidArgumentError(`'${text}' is not a whole number of at least 1.`)
  }
  return value
}

/** `ip+path` as a list of parts. */
export function partList(text: string): readonly string[] {
  const parts = text.split('+')
  if (parts.includes('') || new Set(parts).size < parts.length) {
    throw new InvalidArgumentError(`'${text}' is not a list of different parts, such as 'ip' or 'ip+path'.`)
  }
  return parts
}

function collectPolicy(text: string, before: readonly PolicyFlag[]): readonly PolicyFlag[] {
  const [, name, rate, parts] = /^([^=]+)=([^@]+)(?:@(.+))?$/.exec(text) ?? []
  if (name === undefined || rate === undefined) {
    throw new InvalidArgumentError(`'${text}' is not a name and a rate, such as 'per-ip=30/m'.`)
  }
  if (before.some(flag => flag.name === name)) {
    throw new InvalidArgumentError(`there are two policies '${name}'; give each a name of its own.`)
  }
  return [...before, { name, rate, by: parts === undefined ? [] : partList(parts) }]
}

/**
 * The policies that the options name, as written; `createLimiter` and `compilePolicies` find what is wrong with them.
 *
 * @throws UsageError when there are none or two of one name; FileError when the file is not there or not JSON
 */
export function readPolicyOptions({
  policies: file,
  policy: flags,
  algorithm,
  burst,
}: PolicyOptions): PoliciesInput {
  const fromFile = file === undefined ? {} : readPoliciesFile(file)
  if (file === undefined && flags.length === 0) {
    throw new UsageError(
      "there is no policy; give --policy name=rate, such as --policy 'per-ip=30/m', or --policies FILE",
    )
  }
  const twice = flags.find(({ name }) => Object.hasOwn(fromFile, name))
  if (twice !== undefined) {
    throw new UsageError(`policy '${twice.name}' is both in ${file} and on the command line; give it once`)
  }
  const fromFlags = flags.map(flag => [flag.name, policyInput(flag, algorithm, burst)] as const)
  // Whoever takes it reads it as it would read anything, and names what is wrong.
  return { ...fromFile, ...Object.fromEntries(fromFlags) } as PoliciesInput
}

/** A bare rate where nothing else is said. The words of a wrong rate are those of the policies. */
function policyInput(
  { name, rate, by }: PolicyFlag,
  algorithm: string | undefined,
  burst: number | undefined,
): unknown {
  if (algorithm === undefined && burst === undefined && by.length === 0) return rate
  const { limit, windowUs } = parseRate(rate, `policies.${name}`)
  return {
    limit,
    window: `${windowUs / 1000} ms`,
    ...(algorithm !== undefined && { algorithm }),
    ...(burst !== undefined && { burst }),
    ...(by.length > 0 && { by }),
  }
}

const PoliciesFile = z
  .string()
  .transform((text, context) => {
    try {
      return JSON.parse(text) as unknown
    } catch (error) {
      context.addIssue(`is not JSON (${(error as Error).message})`)
      return z.NEVER
    }
  })
  .pipe(z.record(z.string(), z.unknown(), 'is not an object of policies by name'))

function readPoliciesFile(path: string): Readonly<Record<string, unknown>> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new FileError(`${path}: cannot be read (${(error as Error).message})`, { cause: error })
  }
  const read = PoliciesFile.safeParse(text)
  if (!read.success)
    throw new FileError(`${path}: ${read.error.issues.map(issue => issue.message).join('; ')}`)
  return read.data
}
