import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { z } from 'zod'
import type { MigrationPlace } from '../../compat/migrate/migrate.js'
import { FileError, UsageError } from '../exit-codes.js'

const count = z.int().min(0)
const Saved = z.strictObject({
  version: z.literal(1),
  /** The command line, so that a file is not taken for another migration's. */
  command: z.string(),
  place: z.strictObject({
    done: z.array(z.string()),
    node: z.string(),
    match: count,
    cursor: z.string().regex(/^\d+$/).optional(),
    scanned: count,
    counts: z.strictObject({
      carried: count,
      stricter: count,
      unused: count,
      expired: count,
      unknown: count,
      wrongType: count,
    }),
    startedUs: count,
  }),
})

/**
 * Where an interrupted migration stopped; undefined when there is no such file.
 *
 * @throws FileError when it is not one; UsageError when it is another migration's
 */
export function readPlace(path: string, command: string): MigrationPlace | undefined {
  if (!existsSync(path)) return undefined
  const saved = parse(path)
  if (saved.command !== command) {
    throw new UsageError(
      `${path} belongs to another migration (${saved.command}); name another file, or delete it`,
    )
  }
  return { ...saved.place, cursor: saved.place.cursor }
}

function parse(path: string): z.infer<typeof Saved> {
  try {
    return Saved.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (error) {
    throw new FileError(`${path} does not say where a migration stopped; delete it to begin anew`, {
      cause: error,
    })
  }
}

/** Whole or not at all: a crash leaves the file of before. */
export function savePlace(path: string, command: string, place: MigrationPlace): void {
  try {
    writeFileSync(`${path}.new`, `${JSON.stringify({ version: 1, command, place })}\n`)
    renameSync(`${path}.new`, path)
  } catch (error) {
    throw new FileError(`${path}: cannot be written (${(error as Error).message})`, { cause: error })
  }
}

export const forgetPlace = (path: string): void => rmSync(path, { force: true })
