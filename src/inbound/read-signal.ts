import { readFieldName } from '../middleware/headers/backpressure.js'
import { type HeaderFormat, headerWriter, readHeaderFormats } from '../middleware/headers/header-writer.js'
import type { Report } from '../policy/read-limit.js'
import { Refusal } from '../policy/refusal.js'
import { option, recordOf } from '../policy/schema.js'
import { readFlag, readWait } from '../policy/values.js'
import type { DurationText } from '../policy.js'
import type { SignalRules } from './client-signal.js'

/** What becomes of requests above a limit, and what clients are told, by the names that gateways have. */
export interface Backpressure {
  /** `check` waits until the request passes, instead of refusing it. Default: false. */
  readonly wait_for_capacity?: boolean | undefined
  /** Longest wait; what would take longer is refused at once. Default: `'5s'`. */
  readonly max_wait?: DurationText | undefined
  /** `false`: `headersOf` has no fields. Default: true. */
  readonly signal_client?: boolean | undefined
  /**
   * Name of one more field of `headersOf`, for requests that were refused or had to wait: s until the request can pass, or
   * until everything is back; in `X-RateLimit-Reset` s since 1970. Default: none.
   */
  readonly backpressure_header?: string | undefined
}

const SHAPE = {
  wait_for_capacity: option(readFlag).optional(),
  max_wait: option(readWait).optional(),
  signal_client: option(readFlag).optional(),
  backpressure_header: option(readFieldName).optional(),
}
const EXAMPLE = "{ wait_for_capacity: true, max_wait: '5s', backpressure_header: 'X-RateLimit-Reset' }"
const readRecord = recordOf(SHAPE, EXAMPLE)

export function readBackpressure(value: unknown): Backpressure | Refusal {
  const read = readRecord(value)
  if (read instanceof Refusal) return read
  // As it was written: a limiter reads the wait itself.
  const given = value as Backpressure
  if (given.max_wait !== undefined && given.wait_for_capacity !== true) {
    return new Refusal('max_wait: has no effect without wait_for_capacity: true')
  }
  if (given.signal_client === false && given.backpressure_header !== undefined) {
    return new Refusal(
      "backpressure_header: tells clients what 'signal_client: false' does not; leave one out",
    )
  }
  return given
}

/** @param headers as given; undefined is `'x'` */
export function readSignal(
  headers: HeaderFormat | readonly HeaderFormat[] | undefined,
  { signal_client = true, backpressure_header }: Backpressure,
  report: Report,
): SignalRules {
  if (!signal_client && headers !== undefined) {
    report('headers', headers, "tells clients what 'signal_client: false' does not; leave one out")
  }
  const formats = readHeaderFormats(headers ?? 'x')
  // What is wrong with the formats, the schema of the configuration tells.
  const writes = signal_client && !(formats instanceof Refusal) ? formats : []
  return { writeFields: headerWriter(writes), backpressureHeader: backpressure_header }
}
