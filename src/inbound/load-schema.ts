import { z } from 'zod'
import { STORE_FAILURE_POLICIES } from '../policy/options.js'
import { type Refusal, show } from '../policy/refusal.js'
import { option } from '../policy/schema.js'
import { readWord } from '../policy/values.js'
import { RATE_ALGORITHMS } from './read-limits.js'

/** The options of that gateway that are no limits. What it passes over in silence is refused here. */

const ofType = (accepted: string) => ({
  error: ({ input }: { readonly input?: unknown }) => `${show(input)} is not ${accepted}`,
})

/** A word that may be written in any case, with spaces around it. */
const anyCase =
  <W extends string>(read: (value: unknown) => W | Refusal) =>
  (value: unknown): W | Refusal =>
    read(typeof value === 'string' ? value.trim().toLowerCase() : value)

const readFailMode = (value: unknown) =>
  value === null || value === '' ? 'open' : anyCase(readWord(STORE_FAILURE_POLICIES))(value)

/** An empty text is what a template makes of a variable that is not set. */
const path = z.string(ofType('the path of a file')).min(1, ofType('the path of a file')).nullish()

/** The value is not told: it may hold a password. */
const url = z
  .string({ error: ({ input }) => `is a ${typeof input}, not a URL such as redis://host:6379/0` })
  .nullish()

export const BACKEND = {
  backend: option(readWord(['memory', 'redis'])).default('memory'),
  redis_url: url,
  redis_key_prefix: z.string(ofType('a text')).nullish(),
  fail_mode: option(readFailMode).optional(),
  redis_ssl_ca_certs: path,
  redis_ssl_certfile: path,
  redis_ssl_keyfile: path,
  redis_ssl_check_hostname: z.boolean(ofType('true or false')).nullish(),
}

/** What that gateway decides by where it is not told. */
export const ALGORITHM = option(anyCase(readWord(RATE_ALGORITHMS))).default('fixed_window')
