import { NativeError, OptionError } from '../errors.js'
import type { NativeBinding } from '../native/binding.js'
import { type Loaded, loadNative } from '../native/load.js'
import { Refusal } from '../policy/refusal.js'
import { readWord } from '../policy/values.js'
import type { Limit } from '../policy.js'

export const NATIVE_MODES = ['auto', 'never', 'require'] as const

/**
 * Whether the engine written in Rust decides: `auto`, where it was measured to be faster (`docs/performance.md`); `never`;
 * `require`, always, and without it there is no limiter.
 */
export type NativeMode = (typeof NATIVE_MODES)[number]

export const readNativeMode = readWord(NATIVE_MODES)

/** Above the option, so that whoever runs a program can switch without another release of it. */
const VARIABLE = 'SLUICE_NATIVE'

/** @throws OptionError when `SLUICE_NATIVE` is none of the modes */
export function nativeModeOf(option: NativeMode = 'auto'): NativeMode {
  const asked = process.env[VARIABLE]
  if (asked === undefined || asked === '') return option
  const mode = readNativeMode(asked)
  if (mode instanceof Refusal) throw new OptionError(`${VARIABLE}: ${mode.message}`)
  return mode
}

/**
 * Of limits in memory, those whose states are objects in TypeScript and not rows of numbers, whatever their traffic: leases.
 * Of the others it depends, and the most frequent check, of a key that is there, is faster in TypeScript.
 */
export const isFasterNatively = (limits: readonly Limit[]): boolean =>
  limits.length > 0 && limits.every(({ plan }) => plan.algorithm === 'concurrency')

/** What is missing is told once in a process, however many limiters would like to have it. */
let isTold = false

/**
 * The native module, where it is to decide.
 *
 * @param isFaster whether it was measured to be faster for what it will be asked
 * @param onMissing told, once in a process, why TypeScript takes over
 * @throws NativeError when it is required and cannot be had
 */
export function chooseNative(
  mode: NativeMode,
  isFaster: boolean,
  onMissing: (message: string) => void,
  load: () => Loaded = loadNative,
): NativeBinding | undefined {
  if (mode === 'never' || (mode === 'auto' && !isFaster)) return undefined
  const { binding, problem } = load()
  if (binding !== undefined) return binding
  if (mode === 'require') throw new NativeError(`the native engine is required, and ${problem}`)
  if (!isTold) {
    isTold = true
    onMissing(
      `the native engine would be faster here, and ${problem}. TypeScript decides instead, with the same answers; ` +
        `native: 'never' says that this is meant`,
    )
  }
  return undefined
}

/**
 * For a store that the native engine cannot ask.
 *
 * @param reason why, after "the native engine is required, and "
 * @throws NativeError when it is required
 */
export function assertNotRequired(mode: NativeMode, reason: string): void {
  if (mode !== 'require') return
  throw new NativeError(
    `the native engine is required, and ${reason}; otherwise let native be 'auto', and ${VARIABLE} too`,
  )
}
