import { z } from 'zod'
import { OptionError } from '../errors.js'
import { createEngine } from './create-engine.js'
import type { Engine } from './engine.js'
import { ENGINE_OPTIONS, type EngineOptions } from './engine-options.js'

const OPTIONS = z.strictObject(ENGINE_OPTIONS)

/**
 * Opens the engine of a store, for an engine of your own that stands before it: one that records what was decided, or
 * asks a second store beside the first. Give that one to `createLimiter({ store })`.
 *
 * @throws OptionError telling everything that is wrong with the options
 * @throws FileLockedError, SnapshotError when the file of a `file:` store cannot be had
 */
export function openEngine(options: EngineOptions): Engine {
  const read = OPTIONS.safeParse(options)
  if (!read.success) throw new OptionError(`options of an engine:\n${z.prettifyError(read.error)}`)
  return createEngine(options).engine
}
