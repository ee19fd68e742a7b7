import { CircuitStatus } from '../core/circuit-plan.js'
import type { Clock } from '../core/time.js'
import type { Timers } from '../core/timers.js'
import { fileOf } from '../engine/create-engine.js'
import { type FileStoreOptions, isRedisStore } from '../engine/engine-options.js'
import { ForeignValueError, WrongTypeError } from '../errors.js'
import { createCircuitKeys } from '../keys.js'
import type { BreakerOptions } from './breaker-options.js'
import type { CircuitStore } from './circuit-store.js'
import type { CircuitTable } from './circuit-table.js'
import type { Circuits, CircuitsContext } from './circuits.js'
import { CustomCircuitStore, isCustomStore } from './custom-circuit-store.js'
import { FileCircuits } from './file-circuits.js'
import { LocalCircuits } from './local-circuits.js'
import { RedisCircuitStore } from './redis-circuit-store.js'
import { SharedCircuits } from './shared-circuits.js'

export interface CircuitsSetup extends Omit<CircuitsContext, 'onWrite'> {
  readonly store: NonNullable<BreakerOptions['store']>
  /** Of the breaker. */
  readonly name: string
  readonly prefix: string | undefined
  readonly deadlineMs: number
  readonly maxAgeMs: number
  readonly clock: Clock
  readonly injectedClock: Clock | undefined
  readonly timers: Timers
  readonly table: CircuitTable
  onStoreDown(part: string | undefined, error: unknown): void
  onStoreUp(part: string | undefined, downMs: number): void
  onWarning(message: string, error: unknown): void
}

const SINGLE_PROCESS_WARNING =
  "circuits are in a store of get and set without 'update', which is not safe for several processes: two would " +
  "overwrite each other's changes. Where more than one uses it, add 'update', or use Redis (docs/breaker.md)"

/**
 * Makes the circuits of a store: the only place that chooses. Takes options that were read before.
 *
 * @throws FileLockedError, SnapshotError when a file cannot be had; OptionError, ClientError when Redis cannot be used
 */
export function createCircuits(setup: CircuitsSetup): Circuits {
  const { store, clock } = setup
  const nowUs = () => clock.nowUs()
  if (store === 'memory') return new LocalCircuits({ ...setup, onWrite: () => {} }, 'memory', nowUs)
  if (isCustomStore(store)) {
    if (store.update === undefined) {
      // Whoever makes the breaker has had no time to listen.
      queueMicrotask(() => setup.onWarning(SINGLE_PROCESS_WARNING, undefined))
    }
    const keys = createCircuitKeys(setup.name, setup.prefix)
    return shared(new CustomCircuitStore(store, keys, clock, setup.random), 'custom', setup)
  }
  if (isRedisStore(store)) {
    const { name, prefix, injectedClock, random } = setup
    const redis = new RedisCircuitStore({ store, name, prefix, clock: injectedClock, random })
    return shared(redis, 'redis', setup)
  }
  return inFile(store as string | FileStoreOptions, setup)
}

function shared(store: CircuitStore, source: 'redis' | 'custom', setup: CircuitsSetup): Circuits {
  const { deadlineMs, maxAgeMs, timers, clock, table, name, onStoreDown, onStoreUp, onWarning } = setup
  return new SharedCircuits(
    store,
    { ...setup, onWrite: () => {} },
    {
      ...{ maxAgeMs, deadlineMs, timers, clock, source, onStoreDown, onStoreUp },
      circuits: { [Symbol.iterator]: () => table.all[Symbol.iterator]() },
      onRefused(circuit, status) {
        const key = createCircuitKeys(name, setup.prefix).keyOf(circuit.identity)
        const error =
          status === CircuitStatus.wrongType
            ? new WrongTypeError(name, key)
            : new ForeignValueError(name, key)
        onWarning(`a circuit of breaker '${name}' cannot be kept in the store, and is kept here alone`, error)
      },
    },
  )
}

function inFile(store: string | FileStoreOptions, setup: CircuitsSetup): Circuits {
  const { table, timers, clock, onWarning } = setup
  const { path, intervalMs = 1000 } = fileOf(store)
  const file = new FileCircuits({ path, intervalMs, timers, circuits: () => table.all, onWarning })
  file.restore((identity, name, state) => table.circuit(identity, () => name).restore(state))
  const circuits = new LocalCircuits({ ...setup, onWrite: () => file.note() }, 'file', () => clock.nowUs())
  return {
    admit: circuit => circuits.admit(circuit),
    report: (circuit, admission, outcome) => circuits.report(circuit, admission, outcome),
    order: (circuit, request) => circuits.order(circuit, request),
    share: change => circuits.share(change),
    refresh: () => {},
    flush: () => file.save(),
    ready: async () => {},
    close: () => file.close(),
  }
}
