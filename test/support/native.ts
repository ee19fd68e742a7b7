import type { NativeBinding } from '../../src/native/binding.js'
import { loadNative } from '../../src/native/load.js'

const loaded = loadNative()

/** Why the tests of the native engine are left out here, and counted as such; undefined: they are not. */
export const withoutNative: string | undefined =
  process.env.SLUICE_NATIVE === 'never' ? 'SLUICE_NATIVE is never' : loaded.problem

if (withoutNative !== undefined) console.warn(`The tests of the native engine are skipped: ${withoutNative}`)

/** The native module, for tests that run where `withoutNative` is undefined. */
export function nativeBinding(): NativeBinding {
  if (loaded.binding === undefined) throw new Error(loaded.problem)
  return loaded.binding
}
