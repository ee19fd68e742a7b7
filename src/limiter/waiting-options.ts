import { option, recordOf } from '../policy/schema.js'
import { readCount } from '../policy/values.js'

/** How many calls may wait. */
export interface WaitingSettings {
  /** In all lines of the limiter; more are refused at once. Default: 10,000. */
  readonly max?: number
  /** In one line: for the same policy and subject. Default: 1,000. */
  readonly maxPerSubject?: number
}

/** The option `waiting`, for the schema of a limiter. */
export const WAITING_OPTIONS = {
  waiting: option(
    recordOf(
      { max: option(readCount).optional(), maxPerSubject: option(readCount).optional() },
      '{ max: 10_000, maxPerSubject: 1000 }',
    ),
  ).optional(),
}

const DEFAULTS: Required<WaitingSettings> = { max: 10_000, maxPerSubject: 1000 }

/** The settings with their defaults. */
export const waitingConfig = (settings: WaitingSettings | undefined): Required<WaitingSettings> => ({
  ...DEFAULTS,
  ...settings,
})
