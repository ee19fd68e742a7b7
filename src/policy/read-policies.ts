import { cdiv } from '../core/time.js'
import type { Problem } from '../errors.js'
import type { LimitConfig, PolicyConfig } from './config.js'
import { isRecord, type Report, readLimit, readWith } from './read-limit.js'
import { at, didYouMean, list, show } from './refusal.js'
import { algorithmsWith, POLICY_OPTIONS, POLICY_SCHEMA } from './schema.js'

/** A request has at most 16 checks, and the limits of a policy are checks of one request. */
const LIMITS_MAX = 16

export interface ReadPolicies {
  /** Those without problems. */
  readonly configs: ReadonlyMap<string, PolicyConfig>
  readonly problems: readonly Problem[]
}

/** Reads policies as written, and finds everything that is wrong with them. */
export function readPolicies(input: unknown): ReadPolicies {
  const configs = new Map<string, PolicyConfig>()
  const problems: Problem[] = []
  const report: Report = (path, value, message) => problems.push({ path, value, message })
  const path = 'policies'
  if (!isRecord(input)) {
    report(path, input, `${show(input)} is not an object of policies by name, such as { perUser: '100/m' }`)
    return { configs, problems }
  }
  const names = Object.keys(input)
  if (names.length === 0)
    report(path, input, `names no policy; write at least one, such as { perUser: '100/m' }`)
  for (const name of names) {
    if (name === '' || !name.isWellFormed()) {
      report(
        at(path, name),
        name,
        `${show(name)} cannot name a policy; a name is well-formed text that is not empty`,
      )
      continue
    }
    const before = problems.length
    const config = readPolicy(input[name], at(path, name), report)
    if (problems.length === before && config !== undefined) configs.set(name, config)
  }
  return { configs, problems }
}

/** Reads one policy; undefined when a problem was reported that leaves nothing to read. */
function readPolicy(input: unknown, path: string, report: Report): PolicyConfig | undefined {
  if (Array.isArray(input)) return { ...NO_OPTIONS, limits: readLimits(input, path, report) }
  if (!isRecord(input)) {
    const limit = readLimit(input, path, report)
    return limit && { ...NO_OPTIONS, limits: [limit] }
  }
  const { own, rest } = splitOptions(input)
  const options = readOptions(own, path, report)
  if (!Object.hasOwn(rest, 'limits')) {
    const limit = readLimit(rest, path, report, POLICY_OPTIONS)
    return options && limit && { ...options, limits: [limit] }
  }
  const { limits, ...strays } = rest
  for (const [name, value] of Object.entries(strays)) {
    const message =
      algorithmsWith(name).length > 0
        ? `belongs to a single limit; write it inside the entries of 'limits'`
        : `is not an option of a policy; options are ${list(SEVERAL_OPTIONS)}${didYouMean(name, SEVERAL_OPTIONS)}`
    report(at(path, name), value, message)
  }
  const read = readLimits(limits, at(path, 'limits'), report)
  return options && { ...options, limits: read }
}

const SEVERAL_OPTIONS = ['limits', ...POLICY_OPTIONS]

const NO_OPTIONS = {
  by: undefined,
  group: undefined,
  outage: { deadlineMs: undefined, onStoreFailure: undefined },
}

/** Options of the policy as a whole, and those of its limit or limits. */
function splitOptions(input: Readonly<Record<string, unknown>>) {
  const entries = Object.entries(input)
  const isOwn = ([name]: readonly [string, unknown]) => POLICY_OPTIONS.includes(name)
  return {
    own: Object.fromEntries(entries.filter(isOwn)),
    rest: Object.fromEntries(entries.filter(entry => !isOwn(entry))),
  }
}

function readOptions(
  input: Readonly<Record<string, unknown>>,
  path: string,
  report: Report,
): Omit<PolicyConfig, 'limits'> | undefined {
  const options = readWith(POLICY_SCHEMA, input, path, report)
  if (options === undefined) return undefined
  const { by, group, deadline, onStoreFailure } = options
  if (group !== undefined && by === undefined) {
    report(at(path, 'group'), input.group, `needs 'by', the list of parts that it is taken from`)
  }
  for (const part of (by && group) ?? []) {
    if (!by?.includes(part)) {
      report(
        at(path, 'group'),
        input.group,
        `${show(part)} is not one of the parts of 'by' (${list(by ?? [])})${didYouMean(part, by ?? [])}`,
      )
    }
  }
  return {
    by,
    // In the order of `by`, so that a group reads the same however it was written.
    group: group && by?.filter(part => group.includes(part)),
    outage: { deadlineMs: deadline && cdiv(deadline, 1000), onStoreFailure },
  }
}

function readLimits(input: unknown, path: string, report: Report): readonly LimitConfig[] {
  if (!Array.isArray(input)) {
    report(path, input, `${show(input)} is not a list of limits, such as ['10/s', '1000/h']`)
    return []
  }
  if (input.length === 0 || input.length > LIMITS_MAX) {
    report(path, input, `has ${input.length} limits; a policy has 1 to ${LIMITS_MAX}`)
  }
  return input.flatMap((limit, index) => readLimit(limit, at(path, index), report) ?? [])
}
