/**
 * Nothing came for so long, though something was asked: the way to the server is cut, and neither end has heard of it.
 * The operating system would try for a quarter of an hour, with up to two minutes between two attempts.
 */
export const SILENCE_MAX_MS = 10_000

/** Tells when a connection has been silent for too long. One that owes no answer may be silent for ever. */
export class SilenceWatch {
  readonly #onSilence: () => void
  #owed = 0
  #timer: NodeJS.Timeout | undefined

  constructor(onSilence: () => void) {
    this.#onSilence = onSilence
  }

  /** @param answer to something asked; whatever it comes to is a sign of life */
  await(answer: Promise<unknown>): void {
    this.#owed++
    this.#timer ??= setTimeout(this.#onSilence, SILENCE_MAX_MS).unref()
    answer.then(this.#heard, this.#heard)
  }

  /** The connection is given up. */
  end(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  readonly #heard = (): void => {
    this.#owed--
    if (this.#owed > 0) this.#timer?.refresh()
    else this.end()
  }
}
