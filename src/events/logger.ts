import type { z } from 'zod'
import { isSluiceError } from '../errors.js'
import { Refusal, show } from '../policy/refusal.js'
import { option } from '../policy/schema.js'
import { readFlag } from '../policy/values.js'
import { type Emitter, type WarningEvents, warnProcess } from './emitter.js'
import { withoutNames } from './words.js'

const LEVELS = ['debug', 'info', 'warn', 'error'] as const
type Level = (typeof LEVELS)[number]

/** Writes lines, as pino does: a record, then a sentence. */
export type Logger = Readonly<Record<Level, (fields: object, message: string) => unknown>> & {
  /** Where it answers `false` for `debug` at first, what only that level tells is not even listened for. */
  isLevelEnabled?(level: string): boolean
}

export interface LogSettings {
  /** A logger such as pino's, which gets what a person may want to know. Default: none. */
  readonly logger?: Logger | undefined
  /**
   * Lines may name users, tenants, keys and leases, and hold the words of errors that are not of Sluice. Default: false, at every
   * level.
   */
  readonly logSubjects?: boolean | undefined
}

function readLogger(value: unknown): Logger | Refusal {
  const missing = LEVELS.filter(
    level => typeof value !== 'object' || value === null || typeof Reflect.get(value, level) !== 'function',
  )
  if (missing.length === 0) return value as Logger
  const methods = missing.map(level => `'${level}'`).join(', ')
  return new Refusal(`${show(value)} is no logger such as pino's: it has no ${methods}`)
}

export const LOG_OPTIONS = {
  logger: option(readLogger).optional(),
  logSubjects: option(readFlag).optional(),
} satisfies z.ZodRawShape

/** A line: its level, its record, its sentence. Undefined: none. */
type Line = readonly [Level, object, string] | undefined

/** Writes the lines of events. A logger that fails never reaches the call that it was told of. */
export class EventLog {
  readonly namesSubjects: boolean
  readonly #logger: Logger
  #isFailing = false

  constructor(logger: Logger, namesSubjects: boolean) {
    this.#logger = logger
    this.namesSubjects = namesSubjects
  }

  /** Whether anybody reads what is only of interest where something is looked for. */
  get hasDebug(): boolean {
    return this.#logger.isLevelEnabled?.('debug') !== false
  }

  /** Writes a line for each event of this name. */
  follow<M extends WarningEvents, E extends keyof M>(
    events: Emitter<M>,
    name: E,
    lineOf: (event: M[E]) => Line,
  ): void {
    events.on(name, event => {
      const line = lineOf(event)
      if (line !== undefined) this.#write(...line)
    })
  }

  followWarnings<M extends WarningEvents>(events: Emitter<M>): void {
    this.follow(events, 'warning', ({ message, error }) => {
      return [
        'warn',
        error === undefined ? {} : { error: this.error(error) },
        this.#sentenceOf(message, error),
      ]
    })
  }

  /** What may be told of an error: its kind; the words of one of Sluice, but for a key in them; all, where subjects are. */
  error(error: unknown): object {
    if (!(error instanceof Error)) return { name: typeof error }
    const { name, message } = error
    const code = isSluiceError(error) ? { code: error.code } : {}
    if (this.namesSubjects) return { name, ...code, message }
    if (!isSluiceError(error)) return { name }
    return { name, ...code, message: withoutNames(message, error) }
  }

  #sentenceOf(message: string, error: unknown): string {
    return this.namesSubjects ? message : withoutNames(message, error)
  }

  #write(level: Level, fields: object, message: string): void {
    try {
      this.#logger[level](fields, message)
      this.#isFailing = false
    } catch (error) {
      // Told once, not with every line.
      if (!this.#isFailing) warnProcess('the logger failed', error)
      this.#isFailing = true
    }
  }
}
