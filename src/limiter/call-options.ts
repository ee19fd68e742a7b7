import { CheckError } from '../errors.js'
import type { Call } from '../events.js'
import { didYouMean, kindOf, list, show } from '../policy/refusal.js'

const COSTS = ['cost', 'limit', 'burst', 'signal']

/** What each call takes beside whom it is about. */
const OPTIONS = {
  check: COSTS,
  peek: COSTS,
  debit: COSTS,
  checkAll: ['signal'],
  wait: [...COSTS, 'maxWait'],
  waitAll: ['maxWait', 'signal'],
  refund: ['units', 'signal'],
  reset: ['signal'],
  block: ['for', 'signal'],
  unblock: ['signal'],
  acquire: ['units', 'cost', 'ttl', 'autoRenew', 'limit', 'burst', 'signal'],
  explain: ['signal'],
  renew: [],
  release: [],
} as const satisfies Readonly<Record<Call | 'waitAll' | 'explain', readonly string[]>>

const ITEM_NAMES = ['policy', 'subject', 'cost', 'limit', 'burst']

/**
 * Refuses what a call would not look at, such as a cost whose name is misspelt: it would charge another one.
 *
 * @throws CheckError naming the call and what it takes
 */
export function assertOptions(call: keyof typeof OPTIONS, options: unknown): void {
  if (options === undefined) return
  const names: readonly string[] = OPTIONS[call]
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new CheckError(`${call}: ${kindOf(options)} is not an object of options; those are ${list(names)}`)
  }
  for (const name in options) {
    if (!names.includes(name)) throw unknownName(`${call}: `, name, names)
  }
  const { signal } = options as { readonly signal?: unknown }
  if (signal !== undefined && !isSignal(signal)) {
    throw new CheckError(`${call}: signal: ${kindOf(signal)} is not an AbortSignal`)
  }
}

/** The same of the checks of `checkAll` and `waitAll`. @throws CheckError naming the call and the place */
export function assertItems(call: 'checkAll' | 'waitAll', items: unknown): void {
  if (!Array.isArray(items)) {
    throw new CheckError(`${call}: ${kindOf(items)} is not a list of checks, such as [{ policy, subject }]`)
  }
  for (const [i, item] of items.entries()) {
    if (typeof item !== 'object' || item === null) {
      throw new CheckError(`${call}: item ${i} is ${kindOf(item)}, not a check such as { policy, subject }`)
    }
    for (const name in item) {
      if (!ITEM_NAMES.includes(name)) throw unknownName(`${call}: item ${i}: `, name, ITEM_NAMES)
    }
  }
}

const isSignal = (signal: unknown): boolean =>
  typeof signal === 'object' &&
  signal !== null &&
  'aborted' in signal &&
  'addEventListener' in signal &&
  typeof signal.addEventListener === 'function'

const unknownName = (place: string, name: string, names: readonly string[]): CheckError =>
  new CheckError(
    `${place}${show(name)} is not an option; options are ${list(names)}${didYouMean(name, names)}`,
  )
