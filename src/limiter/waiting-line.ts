import type { Timers } from '../core/timers.js'
import type { Decision } from '../decision.js'

/** A store in this process answers at once. */
export type Answer<T> = T | Promise<T>

/** One call that may wait: what its line needs of it. */
export interface WaitCall {
  /** Calls with the same text ask for the same units of the same limits: one may go on with the answer of another. */
  readonly alike: string
  /** Units of each item. */
  readonly units: readonly number[]
  readonly maxWaitMs: number
  readonly signal: AbortSignal | undefined
  /** Takes the units. */
  consume(): Answer<Decision>
  /** What a call for all these units would be told, and ms until they have passed if nobody else calls: at least so long. */
  look(units: readonly number[]): Answer<Forecast>
  /** How many more calls alike may pass now, as this admission tells. */
  moreAlike(admitted: Decision): number
  /** Gives back what was taken for nobody. Does not fail. */
  giveBack(admitted: Decision): void
  /** It is over. @param decision undefined: it failed or was given up. @param waitedMs 0: it did not wait */
  ended(decision: Decision | undefined, waitedMs: number): void
}

export interface Forecast {
  readonly decision: Decision
  readonly atLeastMs: number
}

/** The places in all lines of a limiter. */
export interface Places {
  /** False: all are taken. */
  take(): boolean
  leave(): void
}

interface Waiter {
  readonly call: WaitCall
  readonly joinedMs: number
  readonly resolve: (decision: Decision) => void
  readonly reject: (reason: unknown) => void
  readonly onAbort: () => void
  /** It, or somebody before it, was refused. */
  isWaiting: boolean
  hasPlace: boolean
  /** It can wait no longer and is told so as soon as it is known what to tell. */
  isLate: boolean
  told: { readonly decision: Decision; readonly passesAtMs: number } | undefined
  cancelTimer: () => void
}

const deadlineOf = ({ joinedMs, call }: Waiter): number => joinedMs + call.maxWaitMs

/**
 * Those who wait for the same limits of the same subjects, first come, first served: nobody is asked for while somebody
 * before him is refused.
 *
 * Until somebody is refused, calls alike are under way together, and what is granted goes to who is first. From then on
 * the store is asked when the first may pass, as it said itself, and for as many more as an admission says there is room
 * for; never in between.
 */
export class WaitingLine {
  readonly #timers: Timers
  readonly #places: Places
  readonly #onEmpty: () => void
  readonly #waiters: Waiter[] = []
  /** Admitted, with a delay: they have their units, and the store keeps their order. */
  readonly #delayed = new Set<Waiter>()
  /** Of all in line, item by item. */
  #units: readonly number[] = []
  #underWay = 0
  #alikeUnderWay = ''
  /** How many calls may be under way. Infinity until somebody is refused. */
  #room = Number.POSITIVE_INFINITY
  #cancelWake: (() => void) | undefined

  /** @param onEmpty nobody is left, and nothing under way */
  constructor(timers: Timers, places: Places, onEmpty: () => void) {
    this.#timers = timers
    this.#places = places
    this.#onEmpty = onEmpty
  }

  join(call: WaitCall): Promise<Decision> {
    const { promise, resolve, reject } = Promise.withResolvers<Decision>()
    const waiter: Waiter = {
      call,
      joinedMs: this.#timers.monotonicMs(),
      resolve,
      reject,
      onAbort: () => this.#giveUp(waiter, call.signal?.reason),
      isWaiting: false,
      hasPlace: false,
      isLate: false,
      told: undefined,
      cancelTimer: () => {},
    }
    call.signal?.addEventListener('abort', waiter.onAbort, { once: true })
    this.#waiters.push(waiter)
    this.#units = sum(this.#units, call.units, 1)
    if (this.#room !== Number.POSITIVE_INFINITY) this.#beginToWait(waiter, this.#units)
    this.#ask()
    return promise
  }

  /** Allowance was given back: when the first may pass is not known any more. */
  wake(): void {
    this.#stopSleep()
    this.#ask()
  }

  /** Rejects everybody. */
  close(reason: unknown): void {
    for (const waiter of [...this.#waiters, ...this.#delayed]) this.#giveUp(waiter, reason)
  }

  #ask(): void {
    while (this.#cancelWake === undefined && this.#underWay < this.#room) {
      const [first] = this.#waiters
      const next = this.#waiters[this.#underWay]
      if (first === undefined || next === undefined) break
      const { call } = next
      const isAlike = this.#alikeUnderWay === call.alike && this.#alikeUnderWay === first.call.alike
      if (this.#underWay > 0 && !isAlike) break
      this.#alikeUnderWay = call.alike
      this.#underWay++
      receive(
        () => call.consume(),
        decision => this.#answered(call, decision),
        error => this.#failed(call, error),
        () => this.#ask(),
      )
    }
    if (this.#waiters.length + this.#delayed.size + this.#underWay === 0) this.#onEmpty()
  }

  /** Who is first, if what this call was told is true of him. */
  #firstLike(call: WaitCall): Waiter | undefined {
    const [first] = this.#waiters
    return first?.call.alike === call.alike ? first : undefined
  }

  #answered(call: WaitCall, decision: Decision): void {
    this.#underWay--
    if (!decision.allowed) this.#refused(call, decision)
    else {
      if (this.#room !== Number.POSITIVE_INFINITY) this.#room = Math.max(1, call.moreAlike(decision))
      const first = this.#firstLike(call)
      if (first === undefined) call.giveBack(decision)
      else this.#admit(first, decision)
    }
  }

  #failed(call: WaitCall, error: unknown): void {
    this.#underWay--
    const first = this.#firstLike(call)
    if (first !== undefined) this.#fail(first, error)
  }

  #refused(call: WaitCall, decision: Decision): void {
    if (decision.reason === 'store-unavailable') {
      // Nobody knows when a store comes back, so there is nothing to wait for.
      const first = this.#firstLike(call)
      if (first !== undefined) this.#settle(first, decision)
      return
    }
    const passesAtMs = this.#timers.monotonicMs() + decision.retryAfterMs
    let first = this.#firstLike(call)
    while (first !== undefined && passesAtMs > deadlineOf(first)) {
      this.#settle(first, decision)
      first = this.#firstLike(call)
    }
    if (this.#waiters.length === 0) return
    this.#room = 1
    if (first !== undefined) {
      first.told = { decision, passesAtMs }
      this.#sleepUntil(passesAtMs)
    }
    let ahead: readonly number[] = []
    for (const waiter of [...this.#waiters]) {
      ahead = sum(ahead, waiter.call.units, 1)
      if (!waiter.isWaiting) this.#beginToWait(waiter, ahead)
    }
  }

  #sleepUntil(wakeAtMs: number): void {
    this.#stopSleep()
    const wake = () => {
      // A timer may be a little early, and the store would say so.
      if (this.#timers.monotonicMs() < wakeAtMs) return this.#sleepUntil(wakeAtMs)
      this.wake()
    }
    this.#cancelWake = this.#timers.after(wakeAtMs - this.#timers.monotonicMs(), wake, { keepsAlive: true })
  }

  #stopSleep(): void {
    this.#cancelWake?.()
    this.#cancelWake = undefined
  }

  /** @param units its own, and those of all before it */
  #beginToWait(waiter: Waiter, units: readonly number[]): void {
    const { call } = waiter
    waiter.isWaiting = true
    waiter.hasPlace = this.#places.take()
    waiter.isLate = !waiter.hasPlace
    // The first was told by his own check, and is asked for in time.
    if (waiter.told !== undefined && waiter.hasPlace) return
    const leftMs = deadlineOf(waiter) - this.#timers.monotonicMs()
    waiter.cancelTimer = this.#timers.after(leftMs, () => this.#expire(waiter), { keepsAlive: true })
    receive(
      () => call.look(units),
      ({ decision, atLeastMs }) => this.#tell(waiter, decision, atLeastMs),
      error => waiter.isLate && this.#fail(waiter, error),
      () => {},
    )
  }

  #tell(waiter: Waiter, decision: Decision, atLeastMs: number): void {
    if (!this.#waiters.includes(waiter)) return
    const passesAtMs = this.#timers.monotonicMs() + atLeastMs
    waiter.told ??= { decision, passesAtMs }
    if (waiter.isLate || passesAtMs > deadlineOf(waiter)) this.#turnAway(waiter, decision, passesAtMs)
    // There is room for all up to here: somebody elsewhere gave units back.
    else if (decision.allowed && atLeastMs === 0) this.wake()
  }

  #expire(waiter: Waiter): void {
    // Who is first, or under way, is answered by the store.
    if (this.#waiters.indexOf(waiter) < Math.max(1, this.#underWay)) return
    waiter.isLate = true
    if (waiter.told !== undefined) this.#turnAway(waiter, waiter.told.decision, waiter.told.passesAtMs)
  }

  #turnAway(waiter: Waiter, decision: Decision, passesAtMs: number): void {
    const wasFirst = waiter === this.#waiters[0]
    this.#settle(waiter, decision.refusedFor(Math.max(1, passesAtMs - this.#timers.monotonicMs())))
    if (wasFirst) this.wake()
  }

  #admit(waiter: Waiter, decision: Decision): void {
    const startsAtMs = this.#timers.monotonicMs() + decision.delayMs
    const lateMs = startsAtMs - deadlineOf(waiter)
    if (lateMs > 0) {
      waiter.call.giveBack(decision)
      this.#settle(waiter, decision.refusedFor(lateMs))
    } else if (decision.delayMs > 0) {
      this.#leaveLine(waiter)
      waiter.cancelTimer()
      this.#delayed.add(waiter)
      waiter.isWaiting = true
      waiter.told = { decision, passesAtMs: startsAtMs }
      const start = () => {
        this.#settle(waiter, decision)
        this.#ask()
      }
      waiter.cancelTimer = this.#timers.after(decision.delayMs, start, { keepsAlive: true })
    } else this.#settle(waiter, decision)
  }

  #giveUp(waiter: Waiter, reason: unknown): void {
    const wasFirst = waiter === this.#waiters[0]
    if (this.#delayed.has(waiter) && waiter.told !== undefined) waiter.call.giveBack(waiter.told.decision)
    this.#fail(waiter, reason)
    // Whoever is first now may ask for less, and pass.
    if (wasFirst) this.#stopSleep()
    this.#ask()
  }

  #settle(waiter: Waiter, decision: Decision): void {
    if (this.#end(waiter, decision)) waiter.resolve(decision)
  }

  #fail(waiter: Waiter, reason: unknown): void {
    if (this.#end(waiter, undefined)) waiter.reject(reason)
  }

  /** @returns false: it has ended before */
  #end(waiter: Waiter, decision: Decision | undefined): boolean {
    const { call } = waiter
    if (!this.#leaveLine(waiter) && !this.#delayed.delete(waiter)) return false
    waiter.cancelTimer()
    call.signal?.removeEventListener('abort', waiter.onAbort)
    call.ended(decision, waiter.isWaiting ? this.#timers.monotonicMs() - waiter.joinedMs : 0)
    return true
  }

  #leaveLine(waiter: Waiter): boolean {
    const place = this.#waiters.indexOf(waiter)
    if (place < 0) return false
    this.#waiters.splice(place, 1)
    this.#units = sum(this.#units, waiter.call.units, -1)
    if (waiter.hasPlace) this.#places.leave()
    return true
  }
}

/** @param then after an answer that came later */
function receive<T>(
  ask: () => Answer<T>,
  take: (answer: T) => void,
  fail: (error: unknown) => void,
  then: () => void,
): void {
  try {
    const answer = ask()
    if (answer instanceof Promise) answer.then(take, fail).then(then)
    else take(answer)
  } catch (error) {
    fail(error)
  }
}

const sum = (all: readonly number[], units: readonly number[], sign: 1 | -1): readonly number[] =>
  units.map((own, i) => (all[i] ?? 0) + sign * own)
