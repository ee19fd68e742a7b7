/**
 * Every failure of Sluice is one of these classes, each with a stable `code` and a section in `docs/errors.md`.
 * A refusal by a limit is none of them: it is a Decision. Messages name the value, the place and the way out.
 */

/** Registered for the whole process, so that an error of one copy of the package is known to another copy. */
const BRAND = Symbol.for('sluice.error')

interface ErrorOptions {
  /** What made it fail, where something did. */
  readonly cause?: unknown
}

export abstract class SluiceError extends Error {
  /** Stable: safe to compare, to count by, and to look up in `docs/errors.md`. */
  abstract readonly code: string

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    Object.defineProperty(this, BRAND, { value: true })
  }
}

/** One thing that is wrong with a configuration. */
export interface Problem {
  /** Where, as one would write it in code: `policies.api.limits[1].window`. */
  readonly path: string
  /** As it was given; undefined when it is missing. */
  readonly value: unknown
  /** What is wrong with it, and what is accepted. */
  readonly message: string
}

/** Options of a limiter or its policies cannot be accepted. Lists everything that is wrong, not only the first. */
export class PolicyError extends SluiceError {
  readonly code = 'ERR_SLUICE_POLICY'
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    const lines = problems.map(({ path, message }) => `${path}: ${message}`)
    super(lines.length === 1 ? (lines[0] as string) : `${lines.length} problems:\n  ${lines.join('\n  ')}`)
    this.problems = problems
  }
}

/** An option outside the policies (store, prefix, shards, client) cannot be accepted. */
export class OptionError extends SluiceError {
  readonly code = 'ERR_SLUICE_OPTION'
}

/** A call names a policy that the limiter does not have. */
export class UnknownPolicyError extends SluiceError {
  readonly code = 'ERR_SLUICE_UNKNOWN_POLICY'
  readonly policy: string

  constructor(policy: string, message: string) {
    super(message)
    this.policy = policy
  }
}

/** A call is malformed: a cost that is no positive integer, no checks or too many, an operation the algorithm lacks. */
export class CheckError extends SluiceError {
  readonly code = 'ERR_SLUICE_CHECK'
}

/** The cost is above what the policy could ever admit: no waiting helps. Not a denial, which has an end. */
export class ImpossibleCostError extends SluiceError {
  readonly code = 'ERR_SLUICE_COST_IMPOSSIBLE'
  readonly policy: string
  /** Units asked for. */
  readonly cost: number
  /** Largest number of units that can ever pass at once. */
  readonly capacity: number

  constructor(policy: string, cost: number, capacity: number) {
    super(
      `policy '${policy}' can never admit a cost of ${cost}: its capacity is ${capacity}; ` +
        `split the work into costs of at most ${capacity}, or raise the limit or burst of the policy`,
    )
    this.policy = policy
    this.cost = cost
    this.capacity = capacity
  }
}

/** The subject is not what the policy counts by. */
export class SubjectError extends SluiceError {
  readonly code = 'ERR_SLUICE_SUBJECT'
  readonly policy: string
  /** The offending part; undefined when it is the whole subject. */
  readonly part: string | undefined

  constructor(policy: string, part: string | undefined, message: string) {
    super(message)
    this.policy = policy
    this.part = part
  }
}

/** A receipt is not one that a decision gave out, or belongs to a policy that is gone. */
export class ReceiptError extends SluiceError {
  readonly code = 'ERR_SLUICE_RECEIPT'
}

/** The store could not be asked, so nothing was charged. */
export class StoreUnavailableError extends SluiceError {
  readonly code = 'ERR_SLUICE_STORE_UNAVAILABLE'
}

/** The keys of another system cannot hold what was asked: an operation, algorithm or request that its dialect lacks. */
export class DialectError extends SluiceError {
  readonly code = 'ERR_SLUICE_DIALECT'
  /** Whose keys: `rate-limiter-flexible`, `rate-limit-redis`, `mcp-gateway`. */
  readonly dialect: string

  constructor(dialect: string, message: string) {
    super(`the dialect '${dialect}' ${message}`)
    this.dialect = dialect
  }
}

/** A migration was refused: the keys it is to carry are still being written, so what it takes over would be too little. */
export class MigrationError extends SluiceError {
  readonly code = 'ERR_SLUICE_MIGRATION'
  /** A key that was written meanwhile. */
  readonly key: string

  constructor(key: string, message: string) {
    super(message)
    this.key = key
  }
}

/** The connection ended before the answer came. Whether the check was charged is unknown, so it must not be sent again. */
export class ConnectionLostError extends SluiceError {
  readonly code = 'ERR_SLUICE_CONNECTION_LOST'
}

/** The store did not answer within the deadline. Whether the check was charged is unknown, so it must not be sent again. */
export class StoreTimeoutError extends SluiceError {
  readonly code = 'ERR_SLUICE_STORE_TIMEOUT'
}

/** The key holds a value of another Redis type. Nothing was written. */
export class WrongTypeError extends SluiceError {
  readonly code = 'ERR_SLUICE_WRONG_TYPE'
  readonly policy: string
  readonly key: string

  constructor(policy: string, key: string) {
    super(
      `policy '${policy}': key '${key}' holds a value of another type, which Sluice did not write; ` +
        `delete the key, or give the limiter a prefix of its own`,
    )
    this.policy = policy
    this.key = key
  }
}

/** The key holds text that is not a state of this algorithm. Nothing was written. */
export class ForeignValueError extends SluiceError {
  readonly code = 'ERR_SLUICE_FOREIGN_VALUE'
  readonly policy: string
  readonly key: string

  constructor(policy: string, key: string) {
    super(
      `policy '${policy}': key '${key}' holds a value that is not a state of its algorithm; ` +
        `'sluice inspect' shows it; delete the key, or give the limiter a prefix of its own`,
    )
    this.policy = policy
    this.key = key
  }
}

/** A quota was asked about an instant outside the calendar periods it knows, even after computing them anew. */
export class StalePlanError extends SluiceError {
  readonly code = 'ERR_SLUICE_STALE_PLAN'
  readonly policy: string
  /** The store's clock, us since the Unix epoch. */
  readonly nowUs: number

  constructor(policy: string, nowUs: number) {
    super(
      `policy '${policy}': the store's clock (${nowUs} us since 1970) is outside the calendar periods computed for it; ` +
        `compare the clocks of the store and of this process`,
    )
    this.policy = policy
    this.nowUs = nowUs
  }
}

/** The store answered something that is not a reply of the script: no decision can be read from it. */
export class ProtocolError extends SluiceError {
  readonly code = 'ERR_SLUICE_PROTOCOL'
}

/** Redis could not run a script: scripts are not allowed for this user, are disabled, or one is busy. */
export class ScriptingError extends SluiceError {
  readonly code = 'ERR_SLUICE_SCRIPTING'
}

/** Redis refused to write because it is at `maxmemory`. */
export class OutOfMemoryError extends SluiceError {
  readonly code = 'ERR_SLUICE_OUT_OF_MEMORY'
}

/** The server is a read-only replica, or refuses writes for lack of replicas or of a working disk. */
export class ReadOnlyError extends SluiceError {
  readonly code = 'ERR_SLUICE_READ_ONLY'
}

/** What limiters on the same keys must agree on, and where it is kept. */
interface Agreement {
  /** Version of the states in Redis. */
  readonly stateVersion: number
  /** Virtual shards. */
  readonly shards: number
}

/** This limiter would count under other keys, or in another form, than the others on this store. Nothing was charged. */
export class MetaMismatchError extends SluiceError {
  readonly code = 'ERR_SLUICE_META_MISMATCH'
  readonly key: string
  /** What this limiter is set up for. */
  readonly own: Agreement
  /** What the store says, and the others go by. */
  readonly stored: Agreement

  constructor(key: string, own: Agreement, stored: Agreement) {
    super(`${mismatchText(key, own, stored)}; nothing was charged`)
    this.key = key
    this.own = own
    this.stored = stored
  }
}

function mismatchText(key: string, own: Agreement, stored: Agreement): string {
  if (own.stateVersion !== stored.stateVersion) {
    return (
      `'${key}' says that the limiters on this store keep states of version ${stored.stateVersion}, and this release ` +
      `writes version ${own.stateVersion}: run a release of that version, or give this limiter a prefix of its own`
    )
  }
  return (
    `'${key}' says that the limiters on this store use ${stored.shards} shards, and this one is set up for ` +
    `${own.shards}, so it would count under keys of its own: set shards to ${stored.shards} here; or stop all limiters ` +
    `and change it with 'sluice meta --set-shards ${own.shards}'`
  )
}

/** The key that limiters agree by holds something else, so this limiter cannot know what the others do. Nothing was charged. */
export class MetaDamagedError extends SluiceError {
  readonly code = 'ERR_SLUICE_META_DAMAGED'
  readonly key: string

  constructor(key: string, found: string, options?: ErrorOptions) {
    super(
      `'${key}' holds ${found}, not what the limiters on this store agree on; nothing was charged; give this limiter a ` +
        `prefix of its own, or write the key anew with 'sluice meta --set-shards N --force'`,
      options,
    )
    this.key = key
  }
}

/** The user of the connection may not do what Sluice needs. */
export class PermissionError extends SluiceError {
  readonly code = 'ERR_SLUICE_PERMISSION'
}

/** A Redis client that would send a check twice, or that is not one of the known kinds. */
export class ClientError extends SluiceError {
  readonly code = 'ERR_SLUICE_CLIENT'
}

/** Another process holds the snapshot file. */
export class FileLockedError extends SluiceError {
  readonly code = 'ERR_SLUICE_FILE_LOCKED'
  readonly path: string

  constructor(path: string, holder: string) {
    super(
      `${path} is in use by ${holder}; one process at a time may count in a file: stop that one, ` +
        `use another file, or share limits between processes through Redis`,
    )
    this.path = path
  }
}

/** The snapshot file of the counters cannot be read or written. What was written before is untouched. */
export class SnapshotError extends SluiceError {
  readonly code = 'ERR_SLUICE_SNAPSHOT'
  readonly path: string

  constructor(path: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.path = path
  }
}

/** `checkSync` on an engine that has to ask a server. */
export class SyncUnsupportedError extends SluiceError {
  readonly code = 'ERR_SLUICE_SYNC_UNSUPPORTED'
}

/** The lease ended before it was renewed or released: others may hold its units now. */
export class LeaseLostError extends SluiceError {
  readonly code = 'ERR_SLUICE_LEASE_LOST'
  readonly policy: string

  constructor(policy: string, message: string) {
    super(message)
    this.policy = policy
  }
}

/** An access log cannot be replayed: it cannot be read, its gzip data is damaged, or no line of it is a request. */
export class LogError extends SluiceError {
  readonly code = 'ERR_SLUICE_LOG'
}

/** The native engine was required and cannot be had, or it failed. */
export class NativeError extends SluiceError {
  readonly code = 'ERR_SLUICE_NATIVE'
}

/** A circuit breaker let the call not pass: the circuit is open, or its probes are under way. Nothing was called. */
export class BreakerOpenError extends SluiceError {
  readonly code = 'ERR_SLUICE_BREAKER_OPEN'
  readonly breaker: string
  readonly state: 'open' | 'half-open'
  /** ms until a call may pass, rounded up, 1 or more. */
  readonly retryAfterMs: number
  /** An operator holds it open. */
  readonly isForced: boolean

  constructor(breaker: string, state: 'open' | 'half-open', retryAfterMs: number, isForced: boolean) {
    super(`breaker '${breaker}' is ${isForced ? 'held open' : state}; a call may pass in ${retryAfterMs} ms`)
    this.breaker = breaker
    this.state = state
    this.retryAfterMs = retryAfterMs
    this.isForced = isForced
  }
}

/** The limiter or engine was closed. */
export class ClosedError extends SluiceError {
  readonly code = 'ERR_SLUICE_CLOSED'
}

/** What each code's error carries: `isSluiceError(error, code)` narrows by it. */
export interface SluiceErrors {
  ERR_SLUICE_POLICY: PolicyError
  ERR_SLUICE_OPTION: OptionError
  ERR_SLUICE_UNKNOWN_POLICY: UnknownPolicyError
  ERR_SLUICE_CHECK: CheckError
  ERR_SLUICE_COST_IMPOSSIBLE: ImpossibleCostError
  ERR_SLUICE_SUBJECT: SubjectError
  ERR_SLUICE_RECEIPT: ReceiptError
  ERR_SLUICE_STORE_UNAVAILABLE: StoreUnavailableError
  ERR_SLUICE_CONNECTION_LOST: ConnectionLostError
  ERR_SLUICE_STORE_TIMEOUT: StoreTimeoutError
  ERR_SLUICE_DIALECT: DialectError
  ERR_SLUICE_MIGRATION: MigrationError
  ERR_SLUICE_WRONG_TYPE: WrongTypeError
  ERR_SLUICE_FOREIGN_VALUE: ForeignValueError
  ERR_SLUICE_STALE_PLAN: StalePlanError
  ERR_SLUICE_PROTOCOL: ProtocolError
  ERR_SLUICE_SCRIPTING: ScriptingError
  ERR_SLUICE_OUT_OF_MEMORY: OutOfMemoryError
  ERR_SLUICE_READ_ONLY: ReadOnlyError
  ERR_SLUICE_META_MISMATCH: MetaMismatchError
  ERR_SLUICE_META_DAMAGED: MetaDamagedError
  ERR_SLUICE_PERMISSION: PermissionError
  ERR_SLUICE_CLIENT: ClientError
  ERR_SLUICE_FILE_LOCKED: FileLockedError
  ERR_SLUICE_SNAPSHOT: SnapshotError
  ERR_SLUICE_SYNC_UNSUPPORTED: SyncUnsupportedError
  ERR_SLUICE_LEASE_LOST: LeaseLostError
  ERR_SLUICE_LOG: LogError
  ERR_SLUICE_NATIVE: NativeError
  ERR_SLUICE_BREAKER_OPEN: BreakerOpenError
  ERR_SLUICE_CLOSED: ClosedError
}

export type SluiceErrorCode = keyof SluiceErrors

/**
 * Is it an error of Sluice, and of this code where one is given? Works where `instanceof` fails: when two copies of
 * the package are loaded, as ESM and CommonJS or as two versions.
 */
export function isSluiceError(error: unknown): error is SluiceErrors[SluiceErrorCode]
export function isSluiceError<C extends SluiceErrorCode>(error: unknown, code: C): error is SluiceErrors[C]
export function isSluiceError(error: unknown, code?: SluiceErrorCode): boolean {
  if (typeof error !== 'object' || error === null || !(BRAND in error)) return false
  return code === undefined || ('code' in error && error.code === code)
}
