import type { Command } from 'commander'
import { createRedisEngine } from '../../engine/redis-engine.js'
import type { KeyText } from '../../key-part.js'
import { type ParsedKey, parseKey } from '../../keys.js'
import type { InspectedKey } from '../../redis/inspection.js'
import { countText, durationText, printable } from '../../replay/render/wording.js'
import { Exit, UsageError } from '../exit-codes.js'
import { decodeState, type KeyState, type StateField } from '../key-state.js'
import type { Output } from '../output.js'
import { type AddressOptions, addStoreOptions, type NamedStore, requiredStore } from '../store-options.js'

interface InspectCliOptions extends AddressOptions {
  readonly json: boolean
}

const EXAMPLES = `
Examples:
  $ redis-cli --scan --pattern '*sl1:*'
  $ sluice inspect 'sl1:{3p}:per-user:gcra:alice' --store redis://localhost:6379
`

export function addInspectCommand(program: Command, output: Output, onExit: (code: Exit) => void): void {
  addStoreOptions(
    program
      .command('inspect')
      .description(
        'take a key of Redis apart: whose it is, and what it counts; ends with 1 when there is no such key',
      )
      .argument('<key>', 'the key as Redis has it'),
    { keys: false },
  )
    .option('--json', 'print it as JSON', false)
    .addHelpText('after', EXAMPLES)
    .action(async (key: string, options: InspectCliOptions) => {
      const parsed = parseKey(key)
      if (parsed === undefined) {
        const hint = key.endsWith('sl1:meta') ? `; 'sluice meta' shows that one` : ''
        throw new UsageError(
          `'${key}' is not a key of a limit; these read <prefix>sl1:{tag}:<policy>:<algorithm>:<subject>${hint}`,
        )
      }
      const { found, nowUs } = await readKey(key, requiredStore(options))
      const state = decodeState(parsed.algorithm, found)
      if (options.json) output.writeJson(toJson(parsed, found, state, nowUs))
      else output.write(describeKey(parsed, found, state, nowUs))
      onExit(found.type === 'none' ? Exit.refused : Exit.ok)
    })
}

async function readKey(key: string, store: NamedStore): Promise<{ found: InspectedKey; nowUs: number }> {
  const engine = createRedisEngine({ store })
  try {
    const { keys, nowUs } = await engine.inspect([key])
    return { found: keys[0] as InspectedKey, nowUs }
  } finally {
    await engine.close()
  }
}

const textOf = (text: KeyText): string => (typeof text === 'string' ? text : `(SHA-256 ${text.sha256})`)

const subjectOf = ({ subject }: ParsedKey): string =>
  subject.map(({ name, value }) => (name === undefined ? '' : `${textOf(name)}=`) + textOf(value)).join(' ')

function toJson(parsed: ParsedKey, found: InspectedKey, state: KeyState | undefined, nowUs: number): object {
  const exists = found.type !== 'none'
  return {
    key: found.key,
    ...parsed,
    exists,
    type: found.type,
    ttlMs: found.ttlMs ?? null,
    nowUs,
    blockedUntilUs: state?.blockedUntilUs ?? null,
    /** null: no key, or what it holds is not a state of its algorithm. */
    state:
      state === undefined ? null : Object.fromEntries(state.fields.map(({ name, value }) => [name, value])),
  }
}

function describeKey(
  parsed: ParsedKey,
  found: InspectedKey,
  state: KeyState | undefined,
  nowUs: number,
): string {
  const { policy, limitIndex, algorithm, shardTag, slot, prefix } = parsed
  const rows: [string, string][] = [
    ['policy', textOf(policy) + (limitIndex === 0 ? '' : `, limit ${limitIndex + 1}`)],
    ['subject', subjectOf(parsed)],
    ['algorithm', algorithm],
    ...(prefix === '' ? [] : ([['prefix', prefix]] as [string, string][])),
    ['shard', `${shardTag}, cluster slot ${slot}`],
    ...contentRows(found, state, algorithm, nowUs),
  ]
  const width = Math.max(...rows.map(([label]) => label.length))
  return `${rows.map(([label, text]) => `${label.padEnd(width)}  ${printable(text)}`).join('\n')}\n`
}

function contentRows(
  found: InspectedKey,
  state: KeyState | undefined,
  algorithm: string,
  nowUs: number,
): [string, string][] {
  if (found.type === 'none') return [['state', 'there is no such key: nothing is counted for this subject']]
  const life: [string, string] = [
    'ends',
    found.ttlMs === undefined ? 'never' : `in ${durationText(found.ttlMs)}`,
  ]
  if (state === undefined) {
    const size = found.type === 'string' ? ` of ${countText(found.bytes.length)} bytes` : ''
    return [life, ['state', `foreign: a ${found.type}${size}, which is not a state of ${algorithm}`]]
  }
  const block: [string, string][] =
    state.blockedUntilUs === undefined ? [] : [['blocked until', timeText(state.blockedUntilUs, nowUs)]]
  return [
    life,
    ...block,
    ...state.fields.map(field => [field.label, fieldText(field, nowUs)] as [string, string]),
  ]
}

function fieldText({ kind, value }: StateField, nowUs: number): string {
  if (kind === 'time') return timeText(value, nowUs)
  return kind === 'duration' ? durationText(value / 1000) : String(Math.round(value * 1e6) / 1e6)
}

/** `2026-03-02T10:00:00.000Z, in 3.2 s`. A bucket that was never written to has no time. */
function timeText(timeUs: number, nowUs: number): string {
  if (timeUs === 0) return 'not yet'
  const distance = durationText(Math.abs(timeUs - nowUs) / 1000)
  return `${new Date(timeUs / 1000).toISOString()}, ${timeUs > nowUs ? `in ${distance}` : `${distance} ago`}`
}
