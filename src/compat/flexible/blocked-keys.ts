import { monotonicMs } from '../../core/time.js'

/** Keys remembered at once. Full, the oldest goes, and is asked of the store again. */
const KEYS_MAX = 10_000

/** Keys that are refused without asking the store. */
export class BlockedKeys {
  readonly #untilMs = new Map<string, number>()

  /** ms that the key stays refused; 0: it is not. */
  left(key: string): number {
    const untilMs = this.#untilMs.get(key)
    if (untilMs === undefined) return 0
    const leftMs = Math.ceil(untilMs - monotonicMs())
    if (leftMs > 0) return leftMs
    this.#untilMs.delete(key)
    return 0
  }

  block(key: string, forMs: number): void {
    if (this.#untilMs.size >= KEYS_MAX) {
      const oldest = this.#untilMs.keys().next()
      if (!oldest.done) this.#untilMs.delete(oldest.value)
    }
    this.#untilMs.set(key, monotonicMs() + forMs)
  }

  delete(key: string): void {
    this.#untilMs.delete(key)
  }

  clear(): void {
    this.#untilMs.clear()
  }
}
