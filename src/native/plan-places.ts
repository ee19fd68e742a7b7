import { type Plan, planRow } from '../core/plan.js'
import { PLACES } from './binding.js'

/** What plans are filed by. */
interface NamedLimit {
  readonly keyName: string
  readonly slot: number
}

/** Tells the native module that a plan is at a place. */
type Define = (place: number, keyName: string, planRow: Float64Array) => void

/** Where the native module has the plans: each crosses once and is a number from then on. */
export class PlanPlaces {
  /** Another number once all places are given anew: places told before are worth nothing then. */
  generation = 0

  readonly #tell: Define
  readonly #byPlan = new Map<Plan, number>()
  readonly #plans: Plan[] = []
  readonly #keyNames: string[] = []
  /** By `Limit.slot`: the place last asked for. */
  readonly #recent: number[] = []

  constructor(tell: Define) {
    this.#tell = tell
  }

  /** Whether so many plans more might not fit, and make all places be given anew. */
  isFullFor(plans: number): boolean {
    return this.#plans.length + plans > PLACES
  }

  placeOf(limit: NamedLimit, plan: Plan): number {
    const recent = this.#recent[limit.slot]
    if (recent !== undefined && this.#has(recent, limit, plan)) return recent
    let place = this.#byPlan.get(plan)
    if (place === undefined || !this.#has(place, limit, plan)) place = this.#define(limit, plan)
    this.#recent[limit.slot] = place
    return place
  }

  #has(place: number, { keyName }: NamedLimit, plan: Plan): boolean {
    return this.#plans[place] === plan && this.#keyNames[place] === keyName
  }

  #define({ keyName }: NamedLimit, plan: Plan): number {
    if (this.isFullFor(1)) this.#clear()
    const place = this.#plans.length
    this.#tell(place, keyName, Float64Array.from(planRow(plan)))
    this.#plans.push(plan)
    this.#keyNames.push(keyName)
    this.#byPlan.set(plan, place)
    return place
  }

  #clear(): void {
    this.generation++
    this.#byPlan.clear()
    this.#plans.length = 0
    this.#keyNames.length = 0
    this.#recent.length = 0
  }
}
