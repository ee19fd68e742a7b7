import { identify, type Subject } from '../subject.js'

/** The label of everything beyond the keys that have one of their own. */
export const OTHER_KEY = '__other__'

/** How many keys have a label of their own, by default. */
export const SERIES_KEYS_MAX = 1000

/** How a subject is named in the label `key`; undefined: as all that have no name of their own. */
export type SeriesKeyOf = (subject: Subject, policy: string) => string | undefined

/**
 * Labels of subjects, so many at most: what comes later shares one, for a series that was once told must not go away, and a
 * server of metrics cannot hold one for each visitor.
 */
export class SeriesKeys {
  readonly #max: number
  readonly #nameOf: SeriesKeyOf
  readonly #known = new Set<string>()

  constructor(max: number, nameOf: SeriesKeyOf) {
    this.#max = max
    this.#nameOf = nameOf
  }

  labelOf(scope: string, subject: Subject, policy: string): string {
    const key = this.#nameOf(subject, policy)
    if (key === undefined) return OTHER_KEY
    const series = `${scope} ${key}`
    if (this.#known.has(series)) return key
    if (this.#known.size >= this.#max) return OTHER_KEY
    this.#known.add(series)
    return key
  }
}

const ANY = { name: '', by: undefined, group: undefined }

/** The text of a subject; parts of a record as `name=value`, each encoded as in a key. */
export const subjectText = (subject: Subject): string =>
  typeof subject === 'string' ? subject : identify(ANY, subject).slice(1)
