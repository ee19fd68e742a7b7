import type { Algorithm } from '../../src/core/plan.js'
import { Op } from '../../src/core/step.js'
import { BACK_US, NOW_END_US, NOW_MIN_US } from '../../src/core/time.js'
import type { Variant } from './families.js'
import type { Random } from './random.js'

/** As `decide` is given them. */
export const LEASE_IDS: readonly string[] = ['a', 'b', 'c', 'd', 'e']
/** `ARGV[1]` is the block. */
const FIRST_LEASE_PLACE = 2
/** A charge that is older is not given back any more. */
const CHARGES_KEPT = 6

export const leaseAt = (place: number): string | undefined => LEASE_IDS[place - FIRST_LEASE_PLACE]

/** What was taken of one key lately, to be given back. */
export class ChargeList {
  readonly #charges: { nowUs: number; n: number; emptyAtUs: number }[] = []

  note(op: Op, nowUs: number, { granted, resetUs }: { granted: number; resetUs: number }): void {
    if (granted === 0 || (op !== Op.consume && op !== Op.grant && op !== Op.debit)) return
    this.#charges.push({ nowUs, n: granted, emptyAtUs: nowUs + resetUs })
    if (this.#charges.length > CHARGES_KEPT) this.#charges.shift()
  }

  cost(random: Random): number {
    return this.#draw(random)?.n ?? 1
  }

  /** What names a charge in a refund: when it was made; in shape mode when the queue was through with it. */
  instant(random: Random): number | undefined {
    const charge = this.#draw(random)
    return charge && (random.chance(0.7) ? charge.nowUs : charge.emptyAtUs)
  }

  #draw(random: Random) {
    return random.chance(0.5) ? this.#charges.at(-1) : this.#charges[random.below(CHARGES_KEPT)]
  }
}

export const clamp = (us: number): number => Math.min(NOW_END_US - 1, Math.max(NOW_MIN_US, us))

export function firstInstant(random: Random): number {
  const kind = random.unit()
  if (kind < 0.45) return random.between(1.6e15, 1.9e15)
  if (kind < 0.6) return random.between(6.4e14, 9.4e14)
  if (kind < 0.7) return 1_577_836_800_000_000 + random.between(-1e9, 1e9)
  if (kind < 0.75) return NOW_MIN_US + random.below(1e12)
  if (kind < 0.8) return NOW_END_US - random.between(1, 1e12)
  return random.between(NOW_MIN_US, NOW_END_US - 1)
}

/** us from one check to the next: nothing, a step of a steady rate, up to the edge of a stated wait, a jump of the clock. */
export function elapse(random: Random, variant: Variant, waitUs: number, resetUs: number): number {
  const kind = random.unit()
  if (kind < 0.3) return 0
  if (kind < 0.45) return random.sized(1, 1000)
  if (kind < 0.55) return Math.floor(variant.windowUs / variant.limit)
  if (kind < 0.65) return random.below(variant.windowUs + 1)
  if (kind < 0.8)
    return waitUs > 0 ? waitUs + random.between(-1, 1) : random.below(variant.windowUs / variant.limit + 1)
  if (kind < 0.86) return resetUs + random.between(-1, 1)
  if (kind < 0.88) return random.between(0, 3) * variant.windowUs + random.between(-1, 1)
  if (kind < 0.93) return 0 - random.sized(1, 1e6)
  if (kind < 0.95) return 0 - BACK_US + random.between(-1, 1)
  if (kind < 0.97) return 0 - random.sized(1, 4 * variant.windowUs + BACK_US)
  if (kind < 0.98) return 0 - random.sized(1, 4e14)
  if (kind < 0.985) return random.sized(1, 4e14)
  return random.sized(1, 10 * variant.windowUs)
}

/** Ops in proportions that are drawn once: some lives are all debits, some mostly refunds. */
export function opDrawer(random: Random, algorithm: Algorithm): () => Op {
  const weights: [Op, number][] = [
    [Op.consume, random.pick([5, 20, 60])],
    [Op.peek, 4],
    [Op.grant, random.pick([0, 4, 20])],
    [Op.debit, random.pick([0, 3, 20])],
    [Op.refund, random.pick([0, 6, 12])],
    [Op.rollback, random.pick([0, 4, 12])],
    [Op.reset, 0.3],
    [Op.renew, algorithm === 'concurrency' ? 8 : 0.1],
  ]
  const total = weights.reduce((sum, [, weight]) => sum + weight, 0)
  return () => {
    let rest = random.unit() * total
    for (const [op, weight] of weights) {
      rest -= weight
      if (rest < 0) return op
    }
    return Op.consume
  }
}

export function cost(random: Random, { limit }: Variant, charges: ChargeList): number {
  const kind = random.unit()
  if (kind < 0.5) return 1
  if (kind < 0.65) return random.sized(1, Math.min(limit, 10))
  if (kind < 0.8) return random.sized(1, limit)
  if (kind < 0.87) return charges.cost(random)
  if (kind < 0.96) return Math.max(1, limit + random.between(-1, 1))
  if (kind < 0.98) return 2 * limit
  return random.sized(1, 2 ** 53 - 1)
}

export function instant(random: Random, op: Op, nowUs: number, charges: ChargeList): number {
  if (op !== Op.refund && op !== Op.rollback) return 0
  const charged = random.chance(0.85) ? charges.instant(random) : undefined
  if (charged !== undefined) return charged
  return random.chance(0.5) ? 0 : Math.max(1, nowUs + random.between(-1e7, 1e7))
}

export const lease = (random: Random, op: Op): number =>
  op === Op.peek && random.chance(0.5) ? 0 : FIRST_LEASE_PLACE + random.below(LEASE_IDS.length)
