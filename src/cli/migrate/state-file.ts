import { createHash } from 'node:crypto'
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import type { MigrationPlace } from '../../compat/migrate/migrate.js'
import type { MigrationSide } from '../../compat/migrate/sides.js'
import { withoutSecrets } from '../../redis/store-url.js'
import { FileError, UsageError } from '../exit-codes.js'
import type { NamedStore } from '../store-options.js'

const count = z.int().min(0)
const Saved = z.strictObject({
  version: z.literal(1),
  /** Which one it is, so that a file is not taken for another migration's. */
  migration: z.strictObject({ from: z.string(), to: z.string(), apply: z.boolean(), digest: z.string() }),
  place: z.strictObject({
    done: z.array(z.string()),
    node: z.string(),
    match: count,
    cursor: z.string().regex(/^\d+$/).optional(),
    looked: count,
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

type Migration = z.infer<typeof Saved>['migration']

/** The same sides have the same digest; passwords are no part of it. */
export function describeMigration(
  { from, to }: { readonly from: MigrationSide; readonly to: MigrationSide },
  apply: boolean,
): Migration {
  const settings = JSON.stringify([from, to], (name, value: unknown) =>
    name === 'store' ? withoutSecrets(urlOf(value as NamedStore)) : value,
  )
  const digest = createHash('sha256').update(settings).digest('hex')
  return { from: from.dialect, to: to.dialect, apply, digest }
}

const urlOf = (store: NamedStore): string => (typeof store === 'string' ? store : (store.url ?? ''))

/** Where an interrupted migration stopped. */
export class StateFile {
  readonly #path: string
  readonly #migration: Migration

  constructor(path: string, migration: Migration) {
    this.#path = path
    this.#migration = migration
  }

  /**
   * Undefined when there is no such file.
   *
   * @throws FileError when it is not one; UsageError when it is another migration's
   */
  read(): MigrationPlace | undefined {
    if (!existsSync(this.#path)) return undefined
    const { migration, place } = this.#parse()
    if (isDeepStrictEqual(migration, this.#migration)) return { ...place, cursor: place.cursor }
    const { from, to, apply, digest } = migration
    const what = digest === this.#migration.digest ? '' : ', of other limiters, policies or servers'
    throw new UsageError(
      `${this.#path} belongs to another migration (${from} to ${to}${apply ? '' : ', dry run'}${what}); name another ` +
        'file, or delete it',
    )
  }

  /** Whole or not at all: a crash leaves the file of before. */
  save(place: MigrationPlace): void {
    const draft = `${this.#path}.new`
    try {
      writeFileSync(draft, `${JSON.stringify({ version: 1, migration: this.#migration, place })}\n`)
      renameSync(draft, this.#path)
    } catch (error) {
      throw new FileError(`${this.#path}: cannot be written (${(error as Error).message})`, { cause: error })
    }
  }

  /** The migration is through. */
  remove(): void {
    rmSync(this.#path, { force: true })
  }

  #parse(): z.infer<typeof Saved> {
    try {
      return Saved.parse(JSON.parse(readFileSync(this.#path, 'utf8')))
    } catch (error) {
      throw new FileError(`${this.#path} does not say where a migration stopped; delete it to begin anew`, {
        cause: error,
      })
    }
  }
}
