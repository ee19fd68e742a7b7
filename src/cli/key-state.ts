import type { Algorithm } from '../core/plan.js'
import { EPOCH_2020_US } from '../core/time.js'
import type { InspectedKey } from '../redis/inspection.js'

/** One number of a state. Times are us since the Unix epoch, durations us. */
export interface StateField {
  /** As JSON names it. */
  readonly name: string
  readonly label: string
  readonly kind: 'time' | 'duration' | 'units'
  readonly value: number
}

export interface KeyState {
  /** Everything is refused until then; undefined without a block. */
  readonly blockedUntilUs: number | undefined
  /** Empty when there is only a block. */
  readonly fields: readonly StateField[]
}

const BLOCK_MARK = 0x42
const DOUBLE_BYTES = 8

const time = (name: string, label: string, value: number): StateField => ({
  name,
  label,
  kind: 'time',
  value,
})
const units = (name: string, label: string, value: number): StateField => ({
  name,
  label,
  kind: 'units',
  value,
})

type Decoder = (numbers: readonly number[]) => readonly StateField[]

/** States of fixed size, as doubles: `lua/README.md` has the table. */
const FIXED: Partial<Record<Algorithm, { readonly doubles: number; readonly decode: Decoder }>> = {
  fixed_window: { doubles: 3, decode: decodeWindow },
  token_bucket: { doubles: 5, decode: decodeBucket },
  leaky_bucket: { doubles: 5, decode: decodeBucket },
  sliding_counter: { doubles: 4, decode: decodeCounter },
  quota: { doubles: 3, decode: decodeWindow },
}

/** Reads the state at a key; undefined where it is not one of this algorithm. */
export function decodeState(algorithm: Algorithm, key: InspectedKey): KeyState | undefined {
  if (algorithm === 'concurrency') return key.type === 'zset' ? decodeLeases(key) : undefined
  if (key.type !== 'string') return undefined
  const isBlocked = key.bytes[0] === BLOCK_MARK && key.bytes.length > DOUBLE_BYTES
  const blockedUntilUs = isBlocked ? doubles(key.bytes.subarray(1, 1 + DOUBLE_BYTES))[0] : undefined
  const bytes = isBlocked ? key.bytes.subarray(1 + DOUBLE_BYTES) : key.bytes
  if (bytes.length === 0) return isBlocked ? { blockedUntilUs, fields: [] } : undefined
  const fields = algorithm === 'gcra' ? decodeArrival(bytes, isBlocked) : decodeNumbers(algorithm, bytes)
  return fields && { blockedUntilUs, fields }
}

function decodeNumbers(algorithm: Algorithm, bytes: Uint8Array): readonly StateField[] | undefined {
  if (bytes.length % DOUBLE_BYTES !== 0) return undefined
  const numbers = doubles(bytes)
  if (!numbers.every(Number.isSafeInteger)) return undefined
  if (algorithm === 'sliding_window') return decodeLog(numbers)
  const fixed = FIXED[algorithm]
  return fixed !== undefined && fixed.doubles === numbers.length ? fixed.decode(numbers) : undefined
}

function doubles(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: bytes.length / DOUBLE_BYTES }, (_, index) =>
    view.getFloat64(index * DOUBLE_BYTES, true),
  )
}

/** @param isPadded spaces may stand in front: behind a block a state is a multiple of 8 bytes long */
function decodeArrival(bytes: Uint8Array, isPadded: boolean): readonly StateField[] | undefined {
  const stored = Buffer.from(bytes).toString('latin1')
  const text = isPadded ? stored.replace(/^ */, '') : stored
  if (!/^(?:0|-?[1-9]\d{0,15})$/.test(text)) return undefined
  return [time('arrivalUs', 'theoretical arrival time', EPOCH_2020_US + Math.ceil(Number(text) / 8))]
}

function decodeWindow(numbers: readonly number[]): readonly StateField[] {
  const [startUs, endUs, count] = numbers as [number, number, number]
  return [
    time('startUs', 'start', startUs),
    time('endUs', 'end', endUs),
    units('count', 'units taken', count),
  ]
}

/** The level at the stored time is exactly c - f/q units. */
function decodeBucket(numbers: readonly number[]): readonly StateField[] {
  const [atUs, c, f, q, keyEndUs] = numbers as [number, number, number, number, number]
  return [
    time('atUs', 'written', atUs),
    units('level', 'units in the bucket then', q === 0 ? c : c - f / q),
    time('keyEndUs', 'end of the key', keyEndUs),
  ]
}

function decodeCounter(numbers: readonly number[]): readonly StateField[] {
  const [startUs, windowUs, previous, current] = numbers as [number, number, number, number]
  return [
    time('startUs', 'start of the window', startUs),
    { name: 'windowUs', label: 'window', kind: 'duration', value: windowUs },
    units('previous', 'units in the window before', previous),
    units('current', 'units in this window', current),
  ]
}

/** `b, u`, then pairs of a time and the running total up to it; totals up to b are given back or have left the window. */
function decodeLog(numbers: readonly number[]): readonly StateField[] | undefined {
  const [dead, keyEndUs, ...pairs] = numbers
  if (dead === undefined || keyEndUs === undefined || pairs.length < 2 || pairs.length % 2 !== 0)
    return undefined
  const live = pairs.filter((_, index) => index % 2 === 0 && (pairs[index + 1] as number) > dead)
  return [
    units('entries', 'entries in the log', live.length),
    units('units', 'units of these', (pairs.at(-1) as number) - dead),
    ...(live.length === 0
      ? []
      : [
          time('firstUs', 'first entry', live[0] as number),
          time('lastUs', 'last entry', live.at(-1) as number),
        ]),
    time('keyEndUs', 'end of the key', keyEndUs),
  ]
}

/** A member a unit, `<number>:<lease id>`, with the end of its lease; `B` with the end of a block. */
function decodeLeases({ members }: InspectedKey): KeyState {
  const named = members.map(({ member, score }) => ({ name: Buffer.from(member).toString(), score }))
  const held = named.filter(({ name }) => name !== 'B')
  const ends = held.map(({ score }) => score)
  return {
    blockedUntilUs: named.find(({ name }) => name === 'B')?.score,
    fields: [
      units('units', 'units held', held.length),
      units('leases', 'leases', new Set(held.map(({ name }) => name.slice(name.indexOf(':') + 1))).size),
      ...(ends.length === 0
        ? []
        : [
            time('firstEndUs', 'first lease ends', Math.min(...ends)),
            time('lastEndUs', 'last lease ends', Math.max(...ends)),
          ]),
    ],
  }
}
