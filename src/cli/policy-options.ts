import { readFileSync } from 'node:fs'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { ALGORITHMS, type Algorithm } from '../core/plan.js'
import { type PoliciesInput, type PolicyInput, parseRate } from '../policy.js'
import { FileError, UsageError } from './exit-codes.js'

/** Options that say which policies there are. */
export interface PolicyOptions {
  readonly policies?: string
  readonly policy: readonly PolicyFlag[]
  readonly algorithm?: Algorithm
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
        ALGORITHMS,
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
  return { ...fromFile, ...Object.fromEntries(fromFlags) }
}

/** A bare rate where nothing else is said. The words of a wrong rate are those of the policies. */
function policyInput(
  { name, rate, by }: PolicyFlag,
  algorithm: Algorithm | undefined,
  burst: number | undefined,
): PolicyInput {
  if (algorithm === undefined && burst === undefined && by.length === 0) return rate
  if (algorithm === 'quota' || algorithm === 'concurrency') {
    throw new UsageError(
      `'${algorithm}' is not described by a rate; describe the policy '${name}' in a file, and give --policies FILE`,
    )
  }
  const { limit, windowUs } = parseRate(rate, `policies.${name}`)
  return {
    limit,
    window: `${windowUs / 1000} ms`,
    ...(algorithm !== undefined && { algorithm }),
    ...(burst !== undefined && { burst }),
    ...(by.length > 0 && { by }),
  } as PolicyInput
}

function readPoliciesFile(path: string): PoliciesInput {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new FileError(`${path}: cannot be read (${(error as Error).message})`, { cause: error })
  }
  try {
    return JSON.parse(text) as PoliciesInput
  } catch (error) {
    throw new FileError(`${path}: is not JSON (${(error as Error).message})`, { cause: error })
  }
}
