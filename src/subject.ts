/** Who is counted: a plain string, or named parts such as `{ tenant, user }`. */
export type Subject = string | Readonly<Record<string, string>>

/** What a policy says of its subjects. */
export interface SubjectRule {
  /** Name of the policy, for messages. */
  readonly name: string
  /** The parts counted apart, in the order of the key; undefined: the whole subject, whatever its parts. */
  readonly by: readonly string[] | undefined
  /** Those of `by` that choose the shard, in the order of `by`; undefined: all of them. */
  readonly group: readonly string[] | undefined
}
