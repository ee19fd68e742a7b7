import { type Plan, planRow } from '../core/plan.js'
import { PLACES } from './binding.js'

/** What plans are filed by. */
interface NamedLimit {
  readonly keyName: string
  readonly slot: number
}

/** What a place is asked for with. */
interface PlannedCheck {
  readonly limit: NamedLimit
  readonly plan: Plan
}

/** Tells the native module that a plan is at a place. */
type Define = (place: number, keyName: string, planRow: Float64Array) => void

/** Where the native module has the plans: each crosses once and is a number from then on. */
export class PlanPlaces {
  readonly #tell: Define
  readonly #beforeAnew: () => void
  /** Another number once all places are given anew: places told before are worth nothing then. */
  #generation = 0
  readonly #byPlan = new Map<Plan, number>()
  readonly #plans: Plan[] = []
  readonly #keyNames: string[] = []
  /** By `Limit.slot`: the place last asked for. */
  readonly #recent: number[] = []
  /** Of the request last asked for. */
  readonly #found: number[] = []

  /** @param beforeAnew places may all be given anew: what was told others, and waits, has to be read by those now */
  constructor(tell: Define, beforeAnew: () => void) {
    this.#tell = tell
    this.#beforeAnew = beforeAnew
  }

  /** The place of each check, in a list that the next call writes over. */
  placesOf(request: readonly PlannedCheck[]): readonly number[] {
    if (this.#isFullFor(request.length)) this.#beforeAnew()
    let generation: number
    do {
      generation = this.#generation
      for (let i = 0; i < request.length; i++) {
        const { limit, plan } = request[i] as PlannedCheck
        this.#found[i] = this.placeOf(limit, plan)
      }
    } while (this.#generation !== generation)
    return this.#found
  }

  placeOf(limit: NamedLimit, plan: Plan): number {
    const recent = this.#recent[limit.slot]
    if (recent !== undefined && this.#has(recent, limit, plan)) return recent
    let place = this.#byPlan.get(plan)
    if (place === undefined || !this.#has(place, limit, plan)) place = this.#define(limit, plan)
    this.#recent[limit.slot] = place
    return place
  }

  /** Whether so many plans more might not fit, and make all places be given anew. */
  #isFullFor(plans: number): boolean {
    return this.#plans.length + plans > PLACES
  }

  #has(place: number, { keyName }: NamedLimit, plan: Plan): boolean {
    return this.#plans[place] === plan && this.#keyNames[place] === keyName
  }

  #define({ keyName }: NamedLimit, plan: Plan): number {
    if (this.#isFullFor(1)) this.#clear()
    const place = this.#plans.length
    this.#tell(place, keyName, Float64Array.from(planRow(plan)))
    this.#plans.push(plan)
    this.#keyNames.push(keyName)
    this.#byPlan.set(plan, place)
    return place
  }

  #clear(): void {
    this.#generation++
    this.#byPlan.clear()
    this.#plans.length = 0
    this.#keyNames.length = 0
    this.#recent.length = 0
  }
}
