import { Op, Status } from '../../src/core/step.js'
import type { SluiceErrorCode } from '../../src/errors.js'
import type { PolicyLimit } from '../../src/policy.js'
import { type Admission, brokenBound } from '../../test/support/history.js'
import { KeyModel } from '../../test/support/key-model.js'
import type { Decided, Entry, Recording } from './entries.js'

/** What the algorithm says of the checks of one policy, given when the store decided them. */
export interface Replayed {
  /** Checks that the store let pass, by the records. */
  readonly allowed: number
  /** Checks that were refused, by the store or by what was remembered of it. */
  readonly refused: number
  /** Checks that the algorithm lets pass. */
  readonly expected: number
  /** Checks by how many `allowed` may be off: without an answer, or decided at one instant by several gateways. */
  readonly uncertain: number
  /** The first check that was decided otherwise than the algorithm decides it. */
  readonly difference: string | undefined
  /** An interval with more than the limit promises. */
  readonly brokenBound: string | undefined
}

interface Placed extends Decided {
  readonly gateway: number
}

/** Replays what gateways recorded about one limit through the pure algorithm, subject by subject. */
export function replay(limit: PolicyLimit, recordings: readonly Recording[]): Replayed {
  const bySubject = new Map<string, Placed[]>()
  let uncertain = 0
  for (const [gateway, recording] of recordings.entries()) {
    const lastUs = new Map<string, number>()
    for (const entry of recording) {
      if (entry.policy !== limit.policy) continue
      if (entry.kind === 'undecided') {
        if (!UNCHARGED.has(entry.code)) uncertain += entry.n
      } else if (entry.kind === 'remembered' || entry.status >= Status.denied) {
        const entries = bySubject.get(entry.subject)
        const placed = { ...asDecided(entry, lastUs.get(entry.subject)), gateway }
        lastUs.set(entry.subject, placed.nowUs)
        if (entries === undefined) bySubject.set(entry.subject, [placed])
        else entries.push(placed)
      }
    }
  }
  const all = [...bySubject].map(([subject, entries]) => replaySubject(limit, subject, entries))
  return {
    allowed: sum(all.map(({ allowed }) => allowed)),
    refused: sum(all.map(({ refused }) => refused)),
    expected: sum(all.map(({ expected }) => expected)),
    uncertain: uncertain + sum(all.map(({ uncertain }) => uncertain)),
    difference: all.find(({ difference }) => difference !== undefined)?.difference,
    brokenBound: all.find(({ brokenBound }) => brokenBound !== undefined)?.brokenBound,
  }
}

/**
 * A remembered refusal is right when a look at the key, when it was asked, would have refused as well.
 *
 * @param lastUs what the gateway knew of the subject was decided then: it asked later, though its steps of 1 ms may say earlier
 */
const asDecided = (entry: Exclude<Entry, { kind: 'undecided' }>, lastUs = 0): Decided =>
  entry.kind === 'decided'
    ? entry
    : {
        kind: 'decided',
        policy: entry.policy,
        subject: entry.subject,
        op: Op.peek,
        n: 1,
        at: 0,
        status: Status.denied,
        nowUs: Math.max(entry.askedUs, lastUs),
      }

/** Errors that say of themselves that nothing was charged. */
const UNCHARGED: ReadonlySet<string> = new Set<SluiceErrorCode>([
  'ERR_SLUICE_STORE_UNAVAILABLE',
  'ERR_SLUICE_READ_ONLY',
  'ERR_SLUICE_OUT_OF_MEMORY',
  'ERR_SLUICE_SCRIPTING',
  'ERR_SLUICE_PERMISSION',
  'ERR_SLUICE_CLOSED',
])

function replaySubject(limit: PolicyLimit, subject: string, entries: Placed[]): Replayed {
  // Entries of one gateway stand in their order already, and the sort is stable.
  entries.sort((a, b) => a.nowUs - b.nowUs)
  const key = new KeyModel(limit.plan.algorithm)
  let expected = 0
  let uncertain = 0
  let difference: string | undefined
  for (const [i, { op, n, at, leaseId, nowUs, status, gateway }] of entries.entries()) {
    const said = key.decide(limit.planAt(nowUs), op as Op, n, at, leaseId, nowUs)
    const before = entries[i - 1]
    const tied = before?.nowUs === nowUs && before.gateway !== gateway
    if (tied && op !== Op.peek && before.op !== Op.peek) uncertain++
    if (op === Op.consume && said.status === Status.allowed) expected++
    if (said.status !== status) {
      difference ??=
        `${subject}, check ${i + 1} of ${entries.length}, at ${nowUs} us by gateway ${gateway}: ` +
        `${nameOf(status)}, and the algorithm says ${nameOf(said.status)}`
    }
  }
  const broken = brokenBound(boundOf(limit), admissionsOf(limit, entries))
  return {
    allowed: entries.filter(({ op, status }) => op === Op.consume && status === Status.allowed).length,
    refused: entries.filter(({ status }) => status === Status.denied).length,
    expected,
    uncertain,
    difference,
    brokenBound: broken === undefined ? undefined : `${subject}: ${broken}`,
  }
}

/** The limit as the checker of histories takes it. */
const boundOf = (limit: PolicyLimit) => ({
  algorithm: limit.plan.algorithm,
  limit: limit.limit,
  windowUs: limit.windowMs * 1000,
  burst: 'burst' in limit.plan ? limit.plan.burst : limit.limit,
  planAt: (nowUs: number) => (nowUs === 0 ? limit.plan : limit.planAt(nowUs)),
})

/** What was admitted, each with the end of its hold where units are held. */
export function admissionsOf(limit: PolicyLimit, entries: readonly Decided[]): Admission[] {
  return entries
    .filter(({ op, status }) => op === Op.consume && status === Status.allowed)
    .map(({ nowUs, n, leaseId }) => {
      if (leaseId === undefined) return { nowUs, units: n }
      const release = entries.find(entry => entry.leaseId === leaseId && entry.op === Op.refund)
      const leaseEndUs = nowUs + limit.windowMs * 1000
      return { nowUs, units: n, endUs: Math.min(leaseEndUs, release?.nowUs ?? leaseEndUs) }
    })
}

const nameOf = (status: number): string =>
  Object.entries(Status).find(([, value]) => value === status)?.[0] ?? String(status)

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)
