import { z } from 'zod'

/** The names and the layout of the block that this package speaks, as `native/crates/node/src/about.rs` counts them. */
export const INTERFACE = 1

/** Plans that one `NativeMemory` knows at once: places 0 to 1,023. */
export const PLACES = 1024

/** What a native module was built for. */
export const About = z.object({
  version: z.string(),
  interface: z.number(),
  manifestSha256: z.string(),
})
export type About = z.infer<typeof About>

export interface NativeStats {
  readonly keys: number
  readonly evicted: number
}

/** Limits in the memory of this process, for one thread. Every method throws an `Error` where it cannot do its work. */
export interface NativeMemory {
  /** Takes another block in place of the one there was. */
  attach(numbers: Float64Array, text: Uint8Array, verdicts: Float64Array): void
  /** Puts a plan at a place. Limits of the same name and algorithm have the same keys. */
  define(place: number, keyName: string, planRow: Float64Array): void
  /** A function that decides the requests in the block, in their order, and leaves a verdict for each check. */
  decider(): () => void
  stats(): NativeStats
  /** Forgets every key, and gives back their memory. */
  clear(): void
}

/** What `native/crates/node` exports. */
export interface NativeBinding {
  about(): unknown
  readonly NativeMemory: new (
    maxKeys: number,
    numbers: Float64Array,
    text: Uint8Array,
    verdicts: Float64Array,
  ) => NativeMemory
}

export function isNativeBinding(module: unknown): module is NativeBinding {
  return (
    typeof module === 'object' &&
    module !== null &&
    'about' in module &&
    typeof module.about === 'function' &&
    'NativeMemory' in module &&
    typeof module.NativeMemory === 'function'
  )
}
