import { applyLeaseChange, createLeaseChange, type LeaseSet } from '../core/concurrency.js'
import type { KeyTable, MemoryKeys } from './memory-keys.js'
import type { ObjectState } from './memory-states.js'
import { NONE } from './timing-wheel.js'

/**
 * A key as it is kept outside of memory: end of the state in us, or 0 where there is none; end of a block in us, or 0; the
 * numbers of the state, and for each lease an id, units and its end. Times are absolute.
 */
export type StoredState = readonly (number | string)[]

/** What stands in a lease for each holder: id, units, end in us. */
const LEASE_LENGTH = 3

/** What was kept is no state of its algorithm; the message says why. */
export class CorruptState extends Error {}

export function storedState(keys: MemoryKeys, table: KeyTable, key: number): StoredState {
  const block = keys.blockOf(key)
  const stateEndUs = block === undefined ? keys.endOf(key) : block.stateEndUs
  const state = stateEndUs === 0 ? [] : stateNumbers(keys, table, key)
  return [stateEndUs, block?.untilUs ?? 0, ...state]
}

function stateNumbers(keys: MemoryKeys, table: KeyTable, key: number): Iterable<number | string> {
  const { stateLength } = table
  if (stateLength > 0) {
    const row = new Float64Array(stateLength)
    keys.loadState(key, row, stateLength)
    return row
  }
  const state = keys.objects[key] as ObjectState
  if ('byId' in state) return state.byEnd.flatMap(({ id, units, endUs }) => [id, units, endUs])
  return state.numbers.subarray(0, state.length)
}

/**
 * Puts a key into `keys`, in place of the one of that name if there is one, unless it has ended.
 *
 * @throws CorruptState when it is no state of the table's algorithm; the key may be there then, without one
 */
export function restoreKey(
  stored: readonly unknown[],
  subject: string,
  table: KeyTable,
  keys: MemoryKeys,
  nowUs: number,
): void {
  const [stateEndUs, blockedUntilUs, ...state] = stored
  if (typeof stateEndUs !== 'number' || typeof blockedUntilUs !== 'number') {
    throw new CorruptState('it does not say when it ends')
  }
  if (stateEndUs > 0 !== state.length > 0)
    throw new CorruptState('it ends and has no state, or has one and no end')
  const endUs = Math.max(stateEndUs, blockedUntilUs)
  if (endUs <= nowUs) return
  const earlier = table.index.find(subject)
  if (earlier !== NONE) keys.drop(earlier)
  const key = keys.create(table, subject, endUs, nowUs)
  if (state.length > 0) restoreState(state, table, keys, key)
  if (blockedUntilUs > nowUs) keys.block(key, blockedUntilUs, stateEndUs)
}

function restoreState(state: readonly unknown[], table: KeyTable, keys: MemoryKeys, key: number): void {
  const { algorithm, stateLength } = table
  if (algorithm === 'concurrency') {
    keys.objects[key] = readLeases(state)
    return
  }
  const numbers = new Float64Array(state.length)
  for (const [i, value] of state.entries()) {
    if (typeof value !== 'number') throw new CorruptState(`a state of ${algorithm} has a ${typeof value}`)
    numbers[i] = value
  }
  const { length } = state
  const isWhole = algorithm === 'sliding_window' ? length >= 4 && length % 2 === 0 : length === stateLength
  if (!isWhole) throw new CorruptState(`a state of ${algorithm} has ${length} numbers`)
  if (algorithm === 'sliding_window') keys.objects[key] = { numbers, length: numbers.length }
  else keys.storeState(key, numbers, stateLength)
}

function readLeases(state: readonly unknown[]): LeaseSet | undefined {
  const change = createLeaseChange()
  let leases: LeaseSet | undefined
  for (let i = 0; i < state.length; i += LEASE_LENGTH) {
    const [leaseId, units, endUs] = state.slice(i, i + LEASE_LENGTH)
    if (typeof leaseId !== 'string' || typeof units !== 'number' || typeof endUs !== 'number') {
      throw new CorruptState('a lease has not an id, units and an end')
    }
    leases = applyLeaseChange(leases, Object.assign(change, { leaseId, units, endUs }))
  }
  return leases
}
