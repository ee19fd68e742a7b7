import { SluiceError } from '../errors.js'

/** A log cannot be replayed: it cannot be read, its gzip data is damaged, or no line of it is a request. */
export class LogError extends SluiceError {
  readonly code = 'ERR_SLUICE_LOG'
}
