import { CheckError, NativeError, type SluiceError } from '../errors.js'
import type { NativeBinding, NativeRedis, NativeStore } from '../native/binding.js'
import { CheckBlock } from '../native/check-block.js'
import { PlanPlaces } from '../native/plan-places.js'
import {
  type AnswerListener,
  type NativeBatch,
  type NativeFailure,
  type NativeVerdict,
  RedisAnswers,
} from '../native/redis-answers.js'
import type { Check, Deferred, UnderWay } from './engine.js'
import { CHECKS_MAX } from './memory-request.js'
import { errorOfNative } from './native-errors.js'

/** Something that was asked for and not answered yet. */
export class NativeCall implements UnderWay {
  readonly ticket: number
  /** Of checks. */
  readonly decided: Deferred | undefined
  /** Of anything else. */
  readonly ended: PromiseWithResolvers<string> | undefined
  /** Somebody waits for the answer: until then the process does not end. */
  isWanted: boolean
  readonly #calls: NativeRedisCalls

  constructor(
    calls: NativeRedisCalls,
    ticket: number,
    decided: Deferred | undefined,
    ended: PromiseWithResolvers<string> | undefined,
    isWanted: boolean,
  ) {
    this.#calls = calls
    this.ticket = ticket
    this.decided = decided
    this.ended = ended
    this.isWanted = isWanted
  }

  /** What was not sent by now is not. What was is answered all the same. */
  callerLeft(): void {
    if (this.isWanted) this.#calls.leave(this)
  }

  reject(error: Error): void {
    this.decided?.reject(error)
    this.ended?.reject(error)
  }
}

/** Hears what happens beside the answers. */
export interface NativeRedisListener {
  batch(batch: NativeBatch): void
  connected(): void
  slotsMoved(): void
  /** A request came to nothing and could not be undone. */
  lost(error: SluiceError): void
}

/** The longest that a timer can be told to take. */
const FOREVER_MS = 0x7fff_ffff

/**
 * What this thread has asked the thread of the native engine, and who waits for it. Requests of one turn of the event loop
 * cross in one message, and answers come back in batches.
 */
export class NativeRedisCalls implements AnswerListener {
  /** Why nothing can be asked any more. */
  broken: NativeError | undefined

  readonly #listener: NativeRedisListener
  readonly #block = new CheckBlock()
  readonly #native: NativeRedis
  readonly #submit: (numbers: number, bytes: number) => void
  readonly #answers: RedisAnswers
  readonly #places: PlanPlaces
  /** By ticket. */
  readonly #calls: (NativeCall | undefined)[] = []
  readonly #freeTickets: number[] = []
  #wanted = 0
  /** Keeps the process alive while it is told to. */
  readonly #alive = setInterval(() => {}, FOREVER_MS).unref()
  #crossingDue = false

  /** @throws NativeError when the settings cannot be used */
  constructor(
    { NativeRedis }: Pick<NativeBinding, 'NativeRedis'>,
    store: NativeStore,
    listener: NativeRedisListener,
  ) {
    this.#listener = listener
    const { numbers, text } = this.#block
    try {
      this.#native = new NativeRedis(store, numbers, text, () => this.#answers.read())
    } catch (error) {
      clearInterval(this.#alive)
      throw new NativeError(`the native engine cannot ask this store: ${messageOf(error)}`, { cause: error })
    }
    this.#submit = this.#native.submitter()
    this.#answers = new RedisAnswers(this.#native, this)
    this.#places = new PlanPlaces((place, _keyName, row) => this.#native.define(place, row), this.#cross)
  }

  /**
   * Asks for a decision.
   *
   * @param nowUs us since the Unix epoch by an injected clock; 0: the server's own
   * @throws CheckError when the request has no checks, or too many
   */
  decide(request: readonly Check[], keys: readonly string[], nowUs: number, decided: Deferred): NativeCall {
    const { length } = request
    if (length < 1 || length > CHECKS_MAX) {
      throw new CheckError(`a request has 1 to ${CHECKS_MAX} checks, this one has ${length}: split it`)
    }
    const places = this.#places.placesOf(request)
    this.#makeRoom(request, keys)
    const call = this.#begin(decided, undefined, true)
    const block = this.#block
    block.ticket(call.ticket)
    block.begin(nowUs, length)
    for (let i = 0; i < length; i++) {
      const { op, n, at, leaseId } = request[i] as Check
      block.add(places[i] as number, op, n, at, keys[i] as string, leaseId)
    }
    if (!this.#crossingDue) {
      this.#crossingDue = true
      // After the microtasks of this turn, and before any input: all that answers have set off crosses together.
      process.nextTick(this.#cross)
    }
    return call
  }

  /**
   * Asks for anything else, behind all that was asked for before.
   *
   * @param isWanted whether the process is to wait for it
   * @returns the text it was answered with, where there is one
   */
  ask(send: (native: NativeRedis, ticket: number) => void, isWanted: boolean): Promise<string> {
    const ended = Promise.withResolvers<string>()
    const { ticket } = this.#begin(undefined, ended, isWanted)
    this.#tell(native => send(native, ticket))
    return ended.promise
  }

  leave(call: NativeCall): void {
    this.#unwant(call)
    this.#tell(native => native.leave(call.ticket))
  }

  /** Nothing is answered any more. */
  end(reason: Error): void {
    for (const call of this.#calls) {
      if (call === undefined) continue
      this.#settled(call)
      call.reject(reason)
    }
    clearInterval(this.#alive)
  }

  decided(ticket: number, nowUs: number, checks: readonly NativeVerdict[]): void {
    this.#settle(ticket)?.decided?.resolve({ nowUs, checks })
  }

  done(ticket: number, text = ''): void {
    this.#settle(ticket)?.ended?.resolve(text)
  }

  failed(ticket: number, failure: NativeFailure): void {
    const error = errorOfNative(failure)
    const call = this.#settle(ticket)
    if (call !== undefined) call.reject(error)
    else if (error instanceof NativeError) this.#break(error)
    else this.#listener.lost(error)
  }

  batch(batch: NativeBatch): void {
    this.#listener.batch(batch)
  }

  connected(): void {
    this.#listener.connected()
  }

  slotsMoved(): void {
    this.#listener.slotsMoved()
  }

  #begin(
    decided: Deferred | undefined,
    ended: PromiseWithResolvers<string> | undefined,
    isWanted: boolean,
  ): NativeCall {
    const ticket = this.#freeTickets.pop() ?? this.#calls.length
    const call = new NativeCall(this, ticket, decided, ended, isWanted)
    this.#calls[ticket] = call
    if (isWanted && this.#wanted++ === 0) this.#alive.ref()
    return call
  }

  /** Takes out what was answered. Undefined: nobody asked for it. */
  #settle(ticket: number): NativeCall | undefined {
    const call = this.#calls[ticket]
    if (call !== undefined) this.#settled(call)
    return call
  }

  #settled(call: NativeCall): void {
    this.#unwant(call)
    this.#calls[call.ticket] = undefined
    this.#freeTickets.push(call.ticket)
  }

  #unwant(call: NativeCall): void {
    if (!call.isWanted) return
    call.isWanted = false
    if (--this.#wanted === 0) this.#alive.unref()
  }

  #makeRoom(request: readonly Check[], keys: readonly string[]): void {
    let textLength = 0
    for (let i = 0; i < request.length; i++) {
      textLength += (keys[i] as string).length + (request[i]?.leaseId?.length ?? 0)
    }
    const block = this.#block
    if (block.hasRoom(request.length, textLength)) return
    this.#cross()
    if (block.hasRoom(request.length, textLength)) return
    block.grow(textLength)
    this.#native.attach(block.numbers, block.text)
  }

  readonly #cross = (): void => {
    this.#crossingDue = false
    const block = this.#block
    if (block.requests === 0) return
    block.seal()
    const { numbersEnd, textEnd } = block
    block.clear()
    this.#try(() => this.#submit(numbersEnd, textEnd))
  }

  #tell(send: (native: NativeRedis) => void): void {
    this.#cross()
    this.#try(() => send(this.#native))
  }

  #try(call: () => void): void {
    try {
      call()
    } catch (error) {
      this.#break(new NativeError(`the native engine has stopped: ${messageOf(error)}`, { cause: error }))
    }
  }

  #break(error: NativeError): void {
    this.broken ??= error
    this.end(this.broken)
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : 'it threw no error')
