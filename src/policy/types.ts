import type { Subject } from '../subject.js'
import type { PoliciesInput } from './options.js'

/** The names of a configuration's policies: `check('perUsr', …)` does not compile where only `perUser` exists. */
export type PolicyName<P extends PoliciesInput> = keyof P & string

type Parts<By> = By extends string ? By : By extends readonly (infer Part extends string)[] ? Part : never

type SinglePart<By> = By extends string | readonly [string] ? string : never

/**
 * The subject that a policy takes: where its `by` is written as literals, a record of just those parts (or a plain
 * string when it is one part); otherwise any subject.
 */
export type SubjectOf<Policy> = Policy extends { readonly by: infer By }
  ? string extends Parts<By>
    ? Subject
    : { readonly [Part in Parts<By>]: string } | SinglePart<By>
  : Subject
