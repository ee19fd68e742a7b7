import { CheckError } from './errors.js'
import { kindOf, list, Refusal, show } from './policy/refusal.js'
import { readWord } from './policy/values.js'
import type { Subject } from './subject.js'

/**
 * Scopes: the words by which gateways say what is counted or broken apart. They are read here, once; everything behind
 * knows the parts of a subject alone.
 */

/** What a call is about, as far as the one who makes or takes it knows. */
export type ScopedCall = Readonly<Record<string, string | undefined>>

/** Names a call by whatever the caller likes. What it throws, or answers instead of text, counts as `default`. */
export type ScopeFunction = (call: Subject | ScopedCall) => string

/** The parts of a call that each scope tells apart. */
const PARTS = {
  Global: [],
  PerServer: ['server'],
  PerMethod: ['method'],
  PerEndpoint: ['method', 'url'],
  PerSession: ['session'],
  PerTool: ['server', 'tool'],
} as const satisfies Record<string, readonly string[]>

export type ScopeName = keyof typeof PARTS

/** A scope by its name, or `Custom(fn)`: the function alone. */
export type Scope = ScopeName | ScopeFunction

/** As metrics name a scope; `subject`: none was given, and every subject stands for itself. */
export type ScopeLabel =
  | 'global'
  | 'server'
  | 'method'
  | 'endpoint'
  | 'session'
  | 'tool'
  | 'custom'
  | 'subject'

const LABELS: Readonly<Record<ScopeName, ScopeLabel>> = {
  Global: 'global',
  PerServer: 'server',
  PerMethod: 'method',
  PerEndpoint: 'endpoint',
  PerSession: 'session',
  PerTool: 'tool',
}

/** What stands for a part that a call does not have. */
const DEFAULT_PART = 'default'

/** A scope, read. */
export interface ScopeRule {
  readonly label: ScopeLabel
  /** Parts of the subject that are told apart; undefined: the whole subject. */
  readonly by: readonly string[] | undefined
  /**
   * The subject of a call under this scope: text, or a record of the parts of `by`, all well-formed and not empty. A
   * plain text is the one part of a scope that has one.
   *
   * @param onFallback told why a function's answer was replaced
   */
  subjectOf(call: Subject | ScopedCall, onFallback: (error: unknown) => void): Subject
}

// What is no subject is refused by the one who identifies it.
const WHOLE: ScopeRule = { label: 'subject', by: undefined, subjectOf: call => call as Subject }
const GLOBAL: ScopeRule = { label: 'global', by: undefined, subjectOf: () => 'global' }

const readName = readWord(Object.keys(PARTS) as ScopeName[])

/** Reads a scope as it was written; undefined stands for the whole subject. */
export function readScope(scope: unknown): ScopeRule | Refusal {
  if (scope === undefined) return WHOLE
  if (typeof scope === 'function') return customScope(scope as ScopeFunction)
  const name = readName(scope)
  if (name instanceof Refusal) {
    const names = list(Object.keys(PARTS))
    return typeof scope === 'string'
      ? name
      : new Refusal(`${show(scope)} is no scope; write ${names}, or a function of the call`)
  }
  if (name === 'Global') return GLOBAL
  const by: readonly string[] = PARTS[name]
  const partsOf = (call: Subject | ScopedCall): Subject => {
    if (typeof call === 'string') return by.length === 1 ? textOf(call) : call
    if (typeof call !== 'object' || call === null) return call
    return Object.fromEntries(by.map(part => [part, textOf(Object.hasOwn(call, part) ? call[part] : '')]))
  }
  return { label: LABELS[name], by, subjectOf: partsOf }
}

function customScope(nameOf: ScopeFunction): ScopeRule {
  return {
    label: 'custom',
    by: undefined,
    subjectOf(call, onFallback) {
      try {
        const name: unknown = nameOf(call)
        if (typeof name === 'string' && name !== '') return textOf(name)
        const answer = name === '' ? 'an empty text' : kindOf(name)
        onFallback(new CheckError(`the function of the scope answered ${answer}; it has to name a text`))
      } catch (error) {
        onFallback(error)
      }
      return DEFAULT_PART
    },
  }
}

/** Text that has a UTF-8 form; `default` where there is none. */
function textOf(value: unknown): string {
  if (typeof value !== 'string' || value === '') return DEFAULT_PART
  return value.isWellFormed() ? value : value.toWellFormed()
}
