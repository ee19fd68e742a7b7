import { Op, Status } from '../core/step.js'
import type { Check, CheckOutcome, DecideOptions, Outcome } from '../engine/engine.js'
import { ConnectionLostError } from '../errors.js'
import { isUnwanted, unwanted } from './waiting.js'

/** Decides a request whose keys are all in one slot. */
export type DecidePart = (slot: number, checks: readonly Check[], keys: readonly string[]) => Promise<Outcome>

/** The checks of a request that are in one slot, in their order. */
interface Part {
  readonly slot: number
  readonly checks: readonly Check[]
  readonly keys: readonly string[]
  /** Their places in the request. */
  readonly places: readonly number[]
}

interface DecidedPart {
  readonly part: Part
  readonly outcome: Outcome
}

/** A check with the instant of the node that decided it. */
type TimedOutcome = Required<CheckOutcome>

/**
 * Decides a request over several slots, which no script can. All are looked at first; where none refuses, they are
 * charged one after the other in the order of their slots, so that two requests never wait for one another; where one
 * refuses after all, or fails, what was charged before is undone.
 *
 * No limit is ever exceeded: what stands between charging and undoing can only refuse others. Where undoing fails, units
 * stay charged that nobody used.
 *
 * @param slots of the keys
 * @param asked once nobody waits any more, what was charged is undone as soon as it is known
 * @param onLoss told when a refusal could not be undone
 * @throws ConnectionLostError when units may have stayed charged; else what `decide` rejected with, and nothing did,
 * but for what that error itself says
 */
export async function decideAcrossSlots(
  checks: readonly Check[],
  keys: readonly string[],
  slots: readonly number[],
  decide: DecidePart,
  asked: DecideOptions,
  onLoss: (error: ConnectionLostError) => void,
): Promise<Outcome> {
  const parts = split(checks, keys, slots)
  const looks = await Promise.all(
    parts.map(async part => {
      const asked = part.checks.map((_, i) => lookOf(part, i))
      return { part, outcome: await decide(part.slot, asked, part.keys) }
    }),
  )
  const said: TimedOutcome[] = []
  tell(said, looks, asLookedAt)
  if (isRefused(checks, said)) return join(said.map(withdrawn))

  const charged: DecidedPart[] = []
  for (const part of parts) {
    let outcome: Outcome
    try {
      if (isUnwanted(asked)) throw unwanted(asked.signal)
      outcome = await decide(part.slot, part.checks, part.keys)
    } catch (error) {
      await undo(charged, decide, error)
      throw error
    }
    tell(said, [{ part, outcome }], asDecided)
    if (isRefused(part.checks, outcome.checks)) {
      await undo(charged, decide, undefined).catch(onLoss)
      // Of what was charged and undone, the looks still tell how it stands.
      tell(said, looks, asLookedAt)
      tell(said, [{ part, outcome }], asDecided)
      return join(said.map(withdrawn))
    }
    charged.push({ part, outcome })
  }
  if (isUnwanted(asked)) {
    const reason = unwanted(asked.signal)
    await undo(charged, decide, reason)
    throw reason
  }
  return join(said)
}

/** The parts in the order in which they are charged. */
function split(checks: readonly Check[], keys: readonly string[], slots: readonly number[]): readonly Part[] {
  const ordered = [...new Set(slots)].sort((a, b) => a - b)
  return ordered.map(slot => {
    const places = slots.flatMap((own, place) => (own === slot ? [place] : []))
    return {
      slot,
      places,
      checks: places.map(place => checks[place] as Check),
      keys: places.map(place => keys[place] as string),
    }
  })
}

/** Writes what parts said to the places of their checks. */
function tell(
  said: TimedOutcome[],
  decided: readonly DecidedPart[],
  read: (part: Part, i: number, verdict: CheckOutcome) => CheckOutcome,
): void {
  for (const { part, outcome } of decided) {
    for (const [i, place] of part.places.entries()) {
      const { status, granted, remaining, waitUs, resetUs } = read(part, i, outcome.checks[i] as CheckOutcome)
      said[place] = { status, granted, remaining, waitUs, resetUs, nowUs: outcome.nowUs }
    }
  }
}

/** The peek that goes before a check. */
function lookOf(part: Part, i: number): Check {
  const { limit, plan, subject, n, leaseId, op } = part.checks[i] as Check
  const units = isForetold(part, i) && op !== Op.grant ? n : 1
  const look = { limit, plan, subject, op: Op.peek, n: units, at: 0 }
  return leaseId === undefined ? look : { ...look, leaseId }
}

/** Does a look tell how the check will end? Not where it needs units that a check before it gives back. */
function isForetold({ checks, keys }: Part, i: number): boolean {
  const { op } = checks[i] as Check
  if (op === Op.peek) return true
  const isFreed = checks.slice(0, i).some((earlier, j) => keys[j] === keys[i] && givesBack(earlier.op))
  return (op === Op.consume || op === Op.grant) && !isFreed
}

/** What a look says of its check. Operations on a whole key stand alone, whatever the key holds. */
function asLookedAt(part: Part, i: number, look: CheckOutcome): CheckOutcome {
  const { op } = part.checks[i] as Check
  if (op === Op.reset || op === Op.block || op === Op.unblock) return { ...look, status: Status.badCheck }
  if (look.status < Status.denied || isForetold(part, i)) return look
  return { ...look, status: Status.allowed, waitUs: 0 }
}

const asDecided = (_part: Part, _i: number, verdict: CheckOutcome): CheckOutcome => verdict

const givesBack = (op: Op): boolean => op === Op.refund || op === Op.rollback

const isRefused = (checks: readonly Check[], said: readonly CheckOutcome[]): boolean =>
  said.some(
    ({ status }, i) => status < Status.denied || (status !== Status.allowed && checks[i]?.op !== Op.peek),
  )

/** Of a request that was refused, nothing was taken. */
const withdrawn = (said: TimedOutcome): TimedOutcome => ({
  ...said,
  granted: 0,
  waitUs: said.status === Status.allowed ? 0 : said.waitUs,
})

const join = (checks: readonly TimedOutcome[]): Outcome => ({
  nowUs: Math.max(...checks.map(({ nowUs }) => nowUs)),
  checks,
})

/**
 * @param why the request came to nothing; undefined: a part refused it
 * @throws ConnectionLostError when a part could not be undone
 */
async function undo(charged: readonly DecidedPart[], decide: DecidePart, why: unknown): Promise<void> {
  const undone = await Promise.allSettled(
    charged.map(async ({ part, outcome }) => {
      const changes = part.checks.flatMap((check, i) => {
        const undoing = undoOf(check, outcome.checks[i] as CheckOutcome, outcome.nowUs)
        return undoing === undefined ? [] : [{ undoing, key: part.keys[i] as string }]
      })
      // Latest first: what came later may have been possible only by what came before.
      changes.reverse()
      if (changes.length === 0) return
      await decide(
        part.slot,
        changes.map(({ undoing }) => undoing),
        changes.map(({ key }) => key),
      )
    }),
  )
  const failed = undone.find(result => result.status === 'rejected')
  if (failed === undefined) return
  const reason = why ?? failed.reason
  throw new ConnectionLostError(
    `a request over several slots of the cluster came to nothing, and what it had charged could not all be given back` +
      `${reason instanceof Error ? ` (${reason.message})` : ''}: it stays counted until it drains; do not send it again`,
    { cause: reason },
  )
}

/** What takes a check back; undefined where it changed nothing that anybody could miss. */
function undoOf(check: Check, { granted }: CheckOutcome, nowUs: number): Check | undefined {
  const { op } = check
  if (granted === 0 || op === Op.peek || op === Op.renew) return undefined
  if (givesBack(op)) return { ...check, op: Op.debit, n: granted, at: 0 }
  return { ...check, op: Op.rollback, n: granted, at: check.leaseId === undefined ? nowUs : 0 }
}
