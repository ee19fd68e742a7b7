import { isSluiceError, type SluiceErrorCode } from '../errors.js'

/** What the process ends with. `docs/cli.md` has the same table. */
export const Exit = {
  /** Done, or the check is allowed. */
  ok: 0,
  /** The check is refused; the key does not exist. */
  refused: 1,
  /** The command line, an option, a policy or a subject is wrong. */
  usage: 2,
  /** The store cannot be asked, or answered something else than a decision. */
  store: 3,
  /** A file cannot be read or written. */
  file: 4,
  /** A defect of this program. */
  defect: 70,
  /** Ended by Ctrl-C. */
  interrupted: 130,
} as const

export type Exit = (typeof Exit)[keyof typeof Exit]

/** The command line is wrong in a way that commander cannot know. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** A file that the command line names cannot be read or written. */
export class FileError extends Error {
  override readonly name = 'FileError'
}

/** The person pressed Ctrl-C. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError'
}

/** Errors of whoever asked; every other one of Sluice is the store's. */
const USAGE_CODES: readonly SluiceErrorCode[] = [
  'ERR_SLUICE_POLICY',
  'ERR_SLUICE_OPTION',
  'ERR_SLUICE_UNKNOWN_POLICY',
  'ERR_SLUICE_CHECK',
  'ERR_SLUICE_COST_IMPOSSIBLE',
  'ERR_SLUICE_SUBJECT',
]

export function exitCodeOf(error: unknown): Exit {
  if (error instanceof UsageError) return Exit.usage
  if (error instanceof FileError || isSluiceError(error, 'ERR_SLUICE_LOG')) return Exit.file
  if (error instanceof InterruptedError) return Exit.interrupted
  if (isSluiceError(error, 'ERR_SLUICE_MIGRATION')) return Exit.refused
  if (!isSluiceError(error)) return Exit.defect
  return USAGE_CODES.includes(error.code) ? Exit.usage : Exit.store
}
