import { z } from 'zod'

/** The names and the layout of the block that this package speaks, as `native/crates/node/src/about.rs` counts them. */
export const INTERFACE = 2

/** Plans that a `NativeMemory` or a `NativeRedis` knows at once: places 0 to 1,023. */
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

/** A store on Redis: one server, by address or socket, or a cluster. */
export interface NativeStore {
  /** Of one server's socket. Without it, `nodes` has one server, or some nodes of a cluster. */
  readonly path?: string
  readonly nodes: readonly { readonly host: string; readonly port: number }[]
  readonly isCluster: boolean
  readonly username?: string
  readonly password?: string
  readonly database: number
  /** Certificates and keys are PEM. */
  readonly tls?: {
    readonly ca: string
    readonly cert?: string
    readonly key?: string
    readonly acceptsAny: boolean
  }
  readonly prefix: string
  readonly shards: number
  /** Whether others count under these keys. */
  readonly shared: boolean
  /** Whether every batch is told of. */
  readonly tellsBatches: boolean
}

/**
 * Limits on Redis, for one thread of JavaScript; another thread speaks with the servers. Every method throws an `Error` where
 * it cannot do its work. What is asked for bears a number, a ticket, and so does its answer.
 */
export interface NativeRedis {
  /** Takes another block in place of the one there was. */
  attach(numbers: Float64Array, text: Uint8Array): void
  /** Puts a plan at a place. */
  define(place: number, planRow: Float64Array): void
  /** A function that sends the requests in the block: so many numbers, and so many bytes of text. */
  submitter(): (numbers: number, bytes: number) => void
  /** A function that moves answers to `answers`: see `RedisAnswers`. */
  drainer(answers: Float64Array): () => void
  /** The texts of answers, in their order, since this was last asked. */
  takeTexts(): readonly string[]
  /** Nobody waits for the answer any more: what was not sent by now is not sent. */
  leave(ticket: number): void
  /** Is answered once Redis can be asked. */
  ready(ticket: number): void
  /** Is answered with what the server says of its memory, as `INFO memory` does. */
  memory(ticket: number): void
  /** Is answered with the address of the node of each slot of a cluster, one a line; a line is empty where none is known. */
  slots(ticket: number): void
  /** Is answered when all that was asked before is, and the connections are closed. */
  close(ticket: number): void
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
  /** @throws Error where the settings cannot be used: it names none of them */
  readonly NativeRedis: new (
    store: NativeStore,
    numbers: Float64Array,
    text: Uint8Array,
    /** Called when there are answers to be drained. */
    wake: () => void,
  ) => NativeRedis
}

export function isNativeBinding(module: unknown): module is NativeBinding {
  return (
    typeof module === 'object' &&
    module !== null &&
    'about' in module &&
    typeof module.about === 'function' &&
    'NativeMemory' in module &&
    typeof module.NativeMemory === 'function' &&
    'NativeRedis' in module &&
    typeof module.NativeRedis === 'function'
  )
}
