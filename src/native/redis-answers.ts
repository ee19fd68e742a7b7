import type { Status } from '../core/step.js'
import type { NativeRedis } from './binding.js'

/** Numbers that are drained at once. */
const LENGTH = 16_384
/** Where the records end, and whether there are more than there was room for. */
const HEADER_LENGTH = 2
const DONE = 0
const FAILED = -1
const TEXT = -2
const BATCH = -3
const CONNECTED = -4
const SLOTS_MOVED = -5
/** Status, granted, remaining, wait and reset in us, and when it was decided. */
const VERDICT_LENGTH = 6

/** What was said of one check. */
export interface NativeVerdict {
  readonly status: Status
  readonly granted: number
  readonly remaining: number
  readonly waitUs: number
  readonly resetUs: number
  /** Where that is not the time of the whole answer. */
  readonly nowUs?: number
}

interface Agreement {
  readonly stateVersion: number
  readonly shards: number
}

export interface NativeFailure {
  /** As `docs/errors.md` has it. */
  readonly code: string
  /** A message; of a disagreement, the key. */
  readonly text: string
  /** Of a disagreement: what this process and what the store goes by. */
  readonly own: Agreement
  readonly stored: Agreement
}

export interface NativeBatch {
  /** Of the server that was asked. */
  readonly address: string
  readonly requests: number
  readonly checks: number
  /** Requests that stayed behind when it left. */
  readonly queued: number
  readonly tripMs: number
  readonly failure: NativeFailure | undefined
}

/** Who gets the answers, and hears what happens beside them. */
export interface AnswerListener {
  decided(ticket: number, nowUs: number, checks: readonly NativeVerdict[]): void
  /** @param text where one was asked for */
  done(ticket: number, text?: string): void
  /** Of a ticket of -1: something was lost, or the engine cannot go on. */
  failed(ticket: number, failure: NativeFailure): void
  batch(batch: NativeBatch): void
  connected(): void
  slotsMoved(): void
}

const NO_AGREEMENT: Agreement = { stateVersion: 0, shards: 0 }

/** Reads what `native/crates/node/src/redis/answers.rs` writes. */
export class RedisAnswers {
  readonly #numbers = new Float64Array(LENGTH)
  readonly #drain: () => void
  readonly #takeTexts: () => readonly string[]
  readonly #listener: AnswerListener
  /** Taken and not read yet. */
  #texts: string[] = []
  #at = 0

  constructor(native: NativeRedis, listener: AnswerListener) {
    this.#drain = native.drainer(this.#numbers)
    this.#takeTexts = () => native.takeTexts()
    this.#listener = listener
  }

  /** Hands out all there are. */
  read(): void {
    const numbers = this.#numbers
    do {
      this.#drain()
      const end = numbers[0] as number
      for (this.#at = HEADER_LENGTH; this.#at < end; ) this.#readOne()
    } while (numbers[1] !== 0)
  }

  #readOne(): void {
    const ticket = this.#next()
    const kind = this.#next()
    if (kind > DONE) {
      const nowUs = this.#next()
      this.#listener.decided(ticket, nowUs, this.#verdicts(kind, nowUs))
    } else if (kind === DONE) this.#listener.done(ticket)
    else if (kind === FAILED)
      this.#listener.failed(ticket, this.#failure(this.#agreement(), this.#agreement()))
    else if (kind === TEXT) this.#listener.done(ticket, this.#text())
    else if (kind === BATCH) this.#listener.batch(this.#batch())
    else if (kind === CONNECTED) this.#listener.connected()
    else if (kind === SLOTS_MOVED) this.#listener.slotsMoved()
  }

  #next(): number {
    return this.#numbers[this.#at++] as number
  }

  #verdicts(checks: number, nowUs: number): readonly NativeVerdict[] {
    const verdicts = [this.#verdict(nowUs)]
    while (verdicts.length < checks) verdicts.push(this.#verdict(nowUs))
    return verdicts
  }

  #verdict(outcomeNowUs: number): NativeVerdict {
    const numbers = this.#numbers
    const at = this.#at
    this.#at += VERDICT_LENGTH
    const verdict = {
      status: numbers[at] as Status,
      granted: numbers[at + 1] as number,
      remaining: numbers[at + 2] as number,
      waitUs: numbers[at + 3] as number,
      resetUs: numbers[at + 4] as number,
    }
    const nowUs = numbers[at + 5] as number
    return nowUs === outcomeNowUs ? verdict : { ...verdict, nowUs }
  }

  #failure(own: Agreement, stored: Agreement): NativeFailure {
    return { code: this.#text(), text: this.#text(), own, stored }
  }

  #agreement(): Agreement {
    return { stateVersion: this.#next(), shards: this.#next() }
  }

  #batch(): NativeBatch {
    const [requests, checks, queued] = [this.#next(), this.#next(), this.#next()]
    const [tripMs, hasFailed] = [this.#next(), this.#next()]
    const address = this.#text()
    const failure = hasFailed === 0 ? undefined : this.#failure(NO_AGREEMENT, NO_AGREEMENT)
    return { address, requests, checks, queued, tripMs, failure }
  }

  #text(): string {
    if (this.#texts.length === 0) this.#texts = [...this.#takeTexts()]
    return this.#texts.shift() ?? ''
  }
}
