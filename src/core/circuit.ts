import {
  CircuitOp,
  type CircuitPlan,
  type CircuitRequest,
  CircuitStatus,
  type CircuitStep,
} from './circuit-plan.js'
import { type CircuitState, Forced, ISOLATIONS_MAX, Phase, SLOTS } from './circuit-state.js'
import { cdiv, fdiv } from './time.js'

const PPM = 1_000_000
/** Beyond it an opening gets no longer, whatever the factor. */
const ATTEMPTS_MAX = 64

/**
 * One transition of a circuit, in place. Twin of `lua/breaker.lua`, statement by statement. Pure: no clock, no chance.
 *
 * @param random 0 to 1, for the jitter of an opening
 * @param now us since the Unix epoch
 */
export function stepCircuit(
  step: CircuitStep,
  state: CircuitState,
  plan: CircuitPlan,
  request: CircuitRequest,
  random: number,
  now: number,
): void {
  const { op, a, b } = request
  settle(state, now)
  const before = shown(state)
  step.status = CircuitStatus.done
  step.ticket = 0
  step.write = false
  if (op === CircuitOp.look || op === CircuitOp.acquire) {
    const wait = waitOf(state, plan, now)
    if (wait > 0) {
      step.status = CircuitStatus.refused
    } else if (op === CircuitOp.acquire && state.phase !== Phase.closed && state.forced === Forced.no) {
      if (state.phase === Phase.open) enter(state, Phase.halfOpen, now)
      step.ticket = nextTicket(state, now)
      state.probes.push(step.ticket, now + plan.leaseUs)
      step.write = true
    }
  } else if (op === CircuitOp.report) {
    report(step, state, plan, request, random, now)
  } else if (op === CircuitOp.force) {
    state.forced = a as Forced
    state.forcedUntilUs = a === Forced.no ? 0 : now + b
    disturb(state, now)
    step.write = true
  } else if (op === CircuitOp.isolate) {
    if (state.isolations.length >= 2 * ISOLATIONS_MAX) {
      step.status = CircuitStatus.badRequest
    } else {
      disturb(state, now)
      step.ticket = nextTicket(state, now)
      state.isolations.push(step.ticket, now + a)
      step.write = true
    }
  } else if (op === CircuitOp.release) {
    if (removeTicket(state.isolations, request.ticket, now)) step.write = true
    else step.status = CircuitStatus.stale
  } else if (op === CircuitOp.reset) {
    state.attempt = 0
    state.forced = Forced.no
    state.forcedUntilUs = 0
    state.isolations.length = 0
    enter(state, Phase.closed, now)
    step.write = true
  } else if (op === CircuitOp.adopt && request.generation > state.generation) {
    enter(state, Phase.open, now)
    state.generation = request.generation
    state.untilUs = a
    state.attempt = b
    step.write = true
  } else {
    step.status = CircuitStatus.stale
  }
  if (step.write) state.endUs = endOf(state, plan, now)
  step.phase = shown(state)
  step.was = step.phase === before ? -1 : before
  step.forced = isHeld(state) ? Forced.open : state.forced
  step.generation = state.generation
  step.attempt = state.attempt
  step.waitUs = waitOf(state, plan, now)
}

/** What the time alone has changed. */
function settle(state: CircuitState, now: number): void {
  if (state.endUs <= now) {
    state.phase = Phase.closed
    state.generation = 0
    state.attempt = 0
    state.untilUs = 0
    state.successes = 0
    state.serial = 0
    state.probes.length = 0
    forgetCounts(state)
  }
  if (state.forcedUntilUs <= now) {
    state.forced = Forced.no
    state.forcedUntilUs = 0
  }
  if (state.isolations.length > 0) dropEnded(state.isolations, now)
  if (state.probes.length > 0) dropEnded(state.probes, now)
}

/** Takes tickets out of a list whose time is over. */
function dropEnded(tickets: number[], now: number): void {
  let kept = 0
  for (let i = 0; i < tickets.length; i += 2) {
    if ((tickets[i + 1] as number) <= now) continue
    tickets[kept] = tickets[i] as number
    tickets[kept + 1] = tickets[i + 1] as number
    kept += 2
  }
  tickets.length = kept
}

/** Tickets are never used again, not even after the state has ended. */
function nextTicket(state: CircuitState, now: number): number {
  state.serial = Math.max(state.serial + 1, now)
  return state.serial
}

function removeTicket(tickets: number[], ticket: number, now: number): boolean {
  for (let i = 0; i < tickets.length; i += 2) {
    if (tickets[i] !== ticket) continue
    tickets[i + 1] = now
    dropEnded(tickets, now)
    return true
  }
  return false
}

const isHeld = (state: CircuitState): boolean => state.forced === Forced.open || state.isolations.length > 0

/** The phase as calls meet it. */
function shown(state: CircuitState): Phase {
  if (isHeld(state)) return Phase.open
  return state.forced === Forced.closed ? Phase.closed : state.phase
}

/** us until a call may pass: the end of what holds it, the next probe, or the end of the first probe under way. */
function waitOf(state: CircuitState, plan: CircuitPlan, now: number): number {
  if (isHeld(state)) {
    let end = state.forced === Forced.open ? state.forcedUntilUs : 0
    for (let i = 1; i < state.isolations.length; i += 2) end = Math.max(end, state.isolations[i] as number)
    return end - now
  }
  if (state.forced === Forced.closed || state.phase === Phase.closed) return 0
  if (state.phase === Phase.open) {
    const wait = state.untilUs - now
    // Longer than any opening: the clock stepped back, and a probe tells what holds.
    return wait > 0 && wait <= 2 * plan.openMaxUs ? wait : 0
  }
  const underWay = state.probes.length / 2
  if (underWay < plan.probesMax && underWay + state.successes < plan.successesMin) return 0
  let first = 0
  for (let i = 1; i < state.probes.length; i += 2) {
    const end = state.probes[i] as number
    if (first === 0 || end < first) first = end
  }
  return first === 0 ? 0 : first - now
}

/** Whatever was under way counts no more. */
function enter(state: CircuitState, phase: Phase, now: number): void {
  state.phase = phase
  state.generation = Math.max(state.generation + 1, now)
  state.untilUs = 0
  state.successes = 0
  state.probes.length = 0
  forgetCounts(state)
}

function forgetCounts(state: CircuitState): void {
  state.slot = 0
  state.counts.fill(0)
}

/** An order of an operator: probes under way are void, and the next one is due when the order ends. */
function disturb(state: CircuitState, now: number): void {
  if (state.phase === Phase.closed) {
    state.generation = Math.max(state.generation + 1, now)
    return
  }
  const { untilUs } = state
  const wasOpen = state.phase === Phase.open
  enter(state, Phase.open, now)
  state.untilUs = wasOpen ? untilUs : now
}

function report(
  step: CircuitStep,
  state: CircuitState,
  plan: CircuitPlan,
  { generation, a: failures, b: successes, ticket }: CircuitRequest,
  random: number,
  now: number,
): void {
  if (generation !== state.generation) {
    step.status = CircuitStatus.stale
  } else if (state.forced !== Forced.no || isHeld(state)) {
    // What is ordered holds, whatever the calls say.
  } else if (state.phase === Phase.closed && ticket === 0) {
    if (failures + successes === 0) return
    step.write = true
    if (count(state, plan, failures, successes, now)) open(state, plan, random, now)
  } else if (state.phase === Phase.halfOpen && removeTicket(state.probes, ticket, now)) {
    step.write = true
    if (failures > 0) {
      open(state, plan, random, now)
    } else if (successes > 0) {
      state.successes++
      if (state.successes >= plan.successesMin) {
        state.attempt = 0
        enter(state, Phase.closed, now)
      }
    }
  } else {
    step.status = CircuitStatus.stale
  }
}

/** Counts in the newest slot. @returns whether the window has what opens it */
function count(
  state: CircuitState,
  plan: CircuitPlan,
  failures: number,
  successes: number,
  now: number,
): boolean {
  const { counts } = state
  const slot = fdiv(now, plan.slotUs)
  // A clock that stepped back by more than a window left slots that would never be forgotten.
  if (Math.abs(slot - state.slot) >= SLOTS) {
    forgetCounts(state)
    state.slot = slot
  }
  while (state.slot < slot) {
    state.slot++
    const place = state.slot % SLOTS
    counts[place] = 0
    counts[place + SLOTS] = 0
  }
  const place = state.slot % SLOTS
  counts[place] = (counts[place] as number) + failures
  counts[place + SLOTS] = (counts[place + SLOTS] as number) + successes
  let failed = 0
  let calls = 0
  for (let i = 0; i < SLOTS; i++) {
    failed += counts[i] as number
    calls += (counts[i] as number) + (counts[i + SLOTS] as number)
  }
  if (calls < plan.volumeMin) return false
  if (plan.failuresMax > 0 && failed >= plan.failuresMax) return true
  return plan.ratePpm > 0 && failed > 0 && failed * PPM >= plan.ratePpm * calls
}

function open(state: CircuitState, plan: CircuitPlan, random: number, now: number): void {
  state.attempt = Math.min(ATTEMPTS_MAX, state.attempt + 1)
  enter(state, Phase.open, now)
  const openUs = openFor(plan, state.attempt)
  state.untilUs = now + openUs + Math.floor(openUs * plan.jitter * random)
}

/** How long an opening is, without jitter. */
function openFor(plan: CircuitPlan, attempt: number): number {
  let us = plan.openUs
  for (let i = 1; i < attempt; i++) us = Math.min(plan.openMaxUs, Math.floor(us * plan.factor))
  return us
}

/** Until then it matters: counts, tickets, and an opening for as long again after its probe was due. */
function endOf(state: CircuitState, plan: CircuitPlan, now: number): number {
  let end = Math.max(now + (SLOTS + 1) * plan.slotUs, now + plan.leaseUs, state.forcedUntilUs)
  for (let i = 1; i < state.isolations.length; i += 2) end = Math.max(end, state.isolations[i] as number)
  if (state.phase !== Phase.closed) {
    end = Math.max(end, Math.max(state.untilUs, now + plan.leaseUs) + openFor(plan, state.attempt))
  }
  return end
}

/** ms that a store has to keep the state. */
export const circuitLifeMs = (state: CircuitState, now: number): number =>
  Math.max(1, cdiv(state.endUs - now, 1000))
