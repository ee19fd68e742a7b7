import { type Channel, channel } from 'node:diagnostics_channel'
import { CheckError, isSluiceError } from '../errors.js'
import { didYouMean, kindOf, list, show } from '../policy/refusal.js'
import { tellableWords, withoutNames, wordsOf } from './words.js'

/** What everything that tells events can tell of. */
export interface WarningEvents {
  /** Something a person should look at that changed no answer, such as a snapshot that could not be read. */
  warning: { readonly message: string; readonly error: unknown }
}

/** Codes of warnings that tell of no error: each has a section in `docs/errors.md`. */
export type WarningCode = 'WARN_SLUICE_COUNTED_TWICE'

/**
 * A warning of the process, with what may be told of an error and its code if it is one of Sluice. Everybody reads those: no
 * subject and no key is in them, neither in the words of an error nor in a message that has them.
 */
export function warnProcess(message: string, error: unknown, warningCode?: WarningCode): void {
  const code = isSluiceError(error) ? error.code : warningCode
  const told = withoutNames(message, error)
  const words = error === undefined || told !== message ? '' : tellableWords(error)
  const isTold = words === '' || told.includes(words)
  process.emitWarning(isTold ? told : `${told}: ${words}`, {
    type: 'SluiceWarning',
    ...(code !== undefined && { code }),
  })
}

/** Channels of the process for the events of one kind of thing: `<prefix><event>`. */
export type Channels<M> = Readonly<Record<keyof M, Channel>>

export const channelsOf = <M>(prefix: string, names: readonly (keyof M & string)[]): Channels<M> =>
  Object.fromEntries(names.map(name => [name, channel(`${prefix}${name}`)])) as Channels<M>

/**
 * The listeners of one thing, and those of the process by `node:diagnostics_channel`. Whoever tells an event asks `has`
 * first, so that an event nobody listens to costs a lookup. What a listener throws, or rejects with, becomes a warning
 * and never reaches the call that it was told of.
 */
export class Emitter<M extends WarningEvents> {
  readonly #channels: Channels<M>
  readonly #listeners: { readonly [E in keyof M]: Set<(event: M[E]) => void> }

  constructor(channels: Channels<M>) {
    this.#channels = channels
    const names = Object.keys(channels) as (keyof M)[]
    this.#listeners = Object.fromEntries(names.map(name => [name, new Set()])) as never
  }

  has(name: keyof M): boolean {
    return this.#listeners[name].size > 0 || this.#channels[name].hasSubscribers
  }

  /**
   * @returns what takes the listener away again
   * @throws CheckError when there is no such event, or the listener is no function
   */
  on<E extends keyof M>(name: E, listener: (event: M[E]) => void): () => void {
    if (!Object.hasOwn(this.#listeners, name)) {
      const names = Object.keys(this.#listeners)
      const hint = didYouMean(String(name), names)
      throw new CheckError(`on: ${show(name)} is not an event; events are ${list(names)}${hint}`)
    }
    if (typeof listener !== 'function') {
      throw new CheckError(`on: the listener of '${String(name)}' is ${kindOf(listener)}, not a function`)
    }
    const listeners = this.#listeners[name]
    // A listener of its own for each call: the same function may listen twice and leave once.
    const own = (event: M[E]) => listener(event)
    listeners.add(own)
    return () => {
      listeners.delete(own)
    }
  }

  emit<E extends keyof M>(name: E, event: M[E]): void {
    this.#channels[name].publish(event)
    for (const listener of this.#listeners[name]) {
      try {
        const result: unknown = listener(event)
        if (result instanceof Promise) result.catch(error => this.#listenerFailed(name, error))
      } catch (error) {
        this.#listenerFailed(name, error)
      }
    }
  }

  /** Tells of something that changed no answer: to the listeners, or to the process where there are none. */
  warn(message: string, error: unknown): void {
    this.emit('warning', { message, error } as M['warning'])
    if (this.#listeners.warning.size === 0) warnProcess(message, error)
  }

  #listenerFailed(name: keyof M, error: unknown): void {
    const message = `a listener of '${String(name)}' failed: ${wordsOf(error)}`
    // A failing listener of warnings would warn of itself for ever.
    if (name === 'warning') warnProcess(message, error)
    else this.warn(message, error)
  }
}
