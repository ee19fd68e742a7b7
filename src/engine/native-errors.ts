import {
  CheckError,
  ClosedError,
  ConnectionLostError,
  MetaDamagedError,
  MetaMismatchError,
  NativeError,
  OptionError,
  OutOfMemoryError,
  PermissionError,
  ProtocolError,
  ReadOnlyError,
  ScriptingError,
  type SluiceError,
  type SluiceErrorCode,
  StoreTimeoutError,
  StoreUnavailableError,
} from '../errors.js'
import type { NativeFailure } from '../native/redis-answers.js'

/** What `native/crates/redis` can fail with, by the codes that both sides have. */
const BY_CODE = {
  ERR_SLUICE_OPTION: OptionError,
  ERR_SLUICE_CHECK: CheckError,
  ERR_SLUICE_STORE_UNAVAILABLE: StoreUnavailableError,
  ERR_SLUICE_CONNECTION_LOST: ConnectionLostError,
  ERR_SLUICE_STORE_TIMEOUT: StoreTimeoutError,
  ERR_SLUICE_READ_ONLY: ReadOnlyError,
  ERR_SLUICE_OUT_OF_MEMORY: OutOfMemoryError,
  ERR_SLUICE_PERMISSION: PermissionError,
  ERR_SLUICE_SCRIPTING: ScriptingError,
  ERR_SLUICE_PROTOCOL: ProtocolError,
  ERR_SLUICE_CLOSED: ClosedError,
} satisfies Partial<Record<SluiceErrorCode, new (message: string) => SluiceError>>

const isKnown = (code: string): code is keyof typeof BY_CODE => Object.hasOwn(BY_CODE, code)

/** The error of the package for what the native engine failed with. */
export function errorOfNative({ code, text, own, stored }: NativeFailure): SluiceError {
  if (isKnown(code)) return new BY_CODE[code](text)
  if (code === 'ERR_SLUICE_META_MISMATCH') return new MetaMismatchError(text, own, stored)
  if (code === 'ERR_SLUICE_META_DAMAGED') return new MetaDamagedError(text, 'something else')
  return new NativeError(`the native engine could not decide: ${text}`)
}
