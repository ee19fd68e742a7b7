import { ClosedError, ConnectionLostError } from '../errors.js'
import type { Batch } from '../events.js'
import { FlightWindow } from './flight-window.js'
import type { RedisClient } from './redis-client.js'
import { ReplyReader } from './reply.js'
import { RequestBlock } from './request-block.js'
import { assertCallable, preload, runScript, type Script } from './scripts.js'
import {
  FULL_BATCH_CHECKS,
  IN_FLIGHT_MAX,
  isUnwanted,
  tooManyWait,
  WAITING_MAX,
  type Waiting,
} from './waiting.js'

/** What leaves at once at most: enough for every slot of a node to have its batches. */
const BURST_CHECKS_MAX = 4096
const SILENCE_MS = 500
/** How many round trips are looked back at, or twice as many. */
const ROUND_TRIPS_KEPT = 256
/** How long answers under way are waited for when the lane is no longer used. */
const CLOSE_GRACE_MS = 2_000

/** A request whose keys are all in one slot. */
export interface SlotRequest extends Waiting {
  readonly slot: number
}

export interface LaneEvents {
  /** A batch failed: the server answered so, or nothing could be sent, or no answer can come. */
  onFailure(requests: readonly SlotRequest[], error: unknown): void
  onReady(): void
  /** The connection ended or could not be made; the client goes on trying. */
  onDown(): void
  /** A batch came back, or failed. */
  onBatch?(batch: Omit<Batch, 'part'>): void
  /** Nothing came for long, though something is due: the node may be cut off from the others, and its slots be elsewhere. */
  onSilence(): void
}

/** What waits for one slot. Kept also while nothing does. */
interface SlotGroup {
  requests: SlotRequest[]
}

interface LaneBatch {
  /** Its place in the list of those under way. */
  place: number
  readonly requests: readonly SlotRequest[]
  readonly sentAtMs: number
  readonly checks: number
  readonly queued: number
}

/**
 * The way to one node of a cluster. A script takes keys of one slot only, so requests gather by slot, and what waits
 * leaves as a burst: one batch for each slot, written one behind the other. When it leaves is as with `Batcher`: all of
 * one turn together, at once while the batches under way do not fill the window, else with the reply that makes room; a
 * slot that has a full batch does not wait.
 */
export class NodeLane {
  readonly client: RedisClient
  /** The map has named it as a master. */
  servesSlots = false
  readonly #script: Script
  readonly #events: LaneEvents
  readonly #elapsedMs: () => number
  readonly #window = new FlightWindow()
  readonly #shortest = new ShortestRoundTrip()
  readonly #block = new RequestBlock()
  readonly #reader = new ReplyReader()
  // Lists, and a Map that is never deleted from: a Map or Set that many go through leaves a chain of tables behind, of which
  // one that has grown old keeps alive all that came after it, and copying those took a third of this process' time.
  readonly #groups = new Map<number, SlotGroup>()
  /** Groups with requests, in the order in which their first ones came. */
  #waitingGroups: SlotGroup[] = []
  readonly #underWay: LaneBatch[] = []
  /** When something was answered last, or nothing was due. */
  #heardAtMs = 0
  #waiting = 0
  /** A slot has a full batch. */
  #isFull = false
  #flushDue = false
  #isClosing = false
  #preloaded: Promise<void> | undefined
  #onIdle: (() => void) | undefined

  constructor(client: RedisClient, script: Script, elapsedMs: () => number, events: LaneEvents) {
    this.client = client
    this.#script = script
    this.#elapsedMs = elapsedMs
    this.#events = events
    client.onStateChange = state => {
      if (state === 'ready') this.#connected()
      if (state === 'down') events.onDown()
      this.#wake()
    }
  }

  get #isIdle(): boolean {
    return this.#waiting === 0 && this.#underWay.length === 0
  }

  add(request: SlotRequest): void {
    if (this.#waiting >= WAITING_MAX) {
      request.reject(tooManyWait())
      return
    }
    let group = this.#groups.get(request.slot)
    if (group === undefined) {
      group = { requests: [] }
      this.#groups.set(request.slot, group)
    }
    const waiting = group.requests.push(request)
    if (waiting === 1) this.#waitingGroups.push(group)
    if (waiting >= FULL_BATCH_CHECKS) this.#isFull = true
    this.#waiting++
    this.#wake()
  }

  /** Resolves when the node is connected, knows the script, and lets it be called. */
  async ready(): Promise<void> {
    await this.client.ready()
    await this.#preloaded
    await assertCallable(this.client, this.#script)
  }

  /** Takes away what was not sent, to be sent elsewhere. */
  takeWaiting(): readonly SlotRequest[] {
    const requests = this.#waitingGroups.flatMap(group => group.requests)
    for (const group of this.#waitingGroups) group.requests = []
    this.#waitingGroups = []
    this.#waiting = 0
    return requests
  }

  /** Waits for the answers under way, but not for ever: a node that was lost may never answer. */
  async close(): Promise<void> {
    if (this.client.state === 'connecting') {
      for (const { reject } of this.takeWaiting()) reject(new ClosedError('the limiter was closed'))
    }
    this.#isClosing = true
    let timer: NodeJS.Timeout | undefined
    const patience = new Promise<void>(resolve => {
      timer = setTimeout(resolve, CLOSE_GRACE_MS)
    })
    const drained = new Promise<void>(resolve => {
      if (this.#isIdle) resolve()
      else this.#onIdle = resolve
    }).then(() => this.client.close())
    await Promise.race([drained, patience])
    clearTimeout(timer)
    const lost = new ConnectionLostError(
      `no answer came from ${this.client.address}, which is no longer used; the check may have been charged, do not send it again`,
    )
    for (const { requests } of this.#underWay) for (const { reject } of requests) reject(lost)
    for (const { reject } of this.takeWaiting()) reject(new ClosedError('the limiter was closed'))
    // Where answers are still missing, this closes the connection when they have come or it has ended.
    this.client.close().catch(() => {})
  }

  #connected(): void {
    const preloaded = preload(this.client, this.#script)
    preloaded.catch(() => {})
    this.#preloaded = preloaded
    this.#events.onReady()
  }

  #wake(): void {
    if (this.#flushDue) return
    this.#flushDue = true
    // After the microtasks of this turn, and before any input: all that this turn's replies set off comes together.
    process.nextTick(this.#flush)
  }

  readonly #flush = (): void => {
    this.#flushDue = false
    if (this.client.state === 'connecting' && !this.#isClosing) return
    while (this.#waiting > 0 && this.#underWay.length < this.#window.size) this.#sendBurst(1)
    if (this.#isFull && this.#underWay.length < IN_FLIGHT_MAX) this.#sendBurst(FULL_BATCH_CHECKS)
    if (this.#waiting > 0 && this.#elapsedMs() - this.#heardAtMs > SILENCE_MS) this.#events.onSilence()
    if (this.#isIdle) this.#onIdle?.()
  }

  /** @param fewest requests that a slot must have for its own to leave now */
  #sendBurst(fewest: number): void {
    if (this.client.atOnce === undefined) this.#sendGroups(fewest)
    else this.client.atOnce(() => this.#sendGroups(fewest))
  }

  #sendGroups(fewest: number): void {
    const sentAtMs = this.#elapsedMs()
    let room = BURST_CHECKS_MAX
    const stay: SlotGroup[] = []
    for (const group of this.#waitingGroups) {
      const { requests } = group
      if (requests.length < fewest || room <= 0) {
        stay.push(group)
        continue
      }
      group.requests = []
      this.#waiting -= requests.length
      room -= requests.length
      this.#sendGroup(requests, sentAtMs)
    }
    this.#waitingGroups = stay
    // What is left has less than a full batch, or comes with the next burst.
    this.#isFull = room <= 0
  }

  #sendGroup(group: readonly SlotRequest[], sentAtMs: number): void {
    const full = Math.max(FULL_BATCH_CHECKS, Math.ceil(group.length / IN_FLIGHT_MAX))
    let requests: SlotRequest[] = []
    for (const request of group) {
      if (isUnwanted(request)) continue
      if (requests.length >= full || !this.#block.add(request)) {
        this.#sendBatch(requests, sentAtMs)
        requests = []
        this.#block.add(request)
      }
      requests.push(request)
    }
    if (requests.length > 0) this.#sendBatch(requests, sentAtMs)
  }

  #sendBatch(requests: readonly SlotRequest[], sentAtMs: number): void {
    const { keys, args } = this.#block.take()
    const place = this.#underWay.length
    const batch = { place, requests, sentAtMs, checks: keys.length, queued: this.#waiting }
    if (place === 0) this.#heardAtMs = batch.sentAtMs
    this.#underWay.push(batch)
    runScript(this.client, this.#script, keys, args).then(
      reply => {
        this.#settle(requests, keys.length, reply)
        this.#landed(batch, undefined)
      },
      error => {
        this.#events.onFailure(requests, error)
        this.#landed(batch, error)
      },
    )
  }

  #settle(requests: readonly SlotRequest[], checks: number, reply: unknown): void {
    try {
      this.#reader.read(reply, checks)
    } catch (error) {
      for (const { reject } of requests) reject(error)
      return
    }
    let first = 0
    for (const { checks, resolve } of requests) {
      resolve(this.#reader.outcome(first, checks.length))
      first += checks.length
    }
  }

  #landed(batch: LaneBatch, error: unknown): void {
    const last = this.#underWay.pop() as LaneBatch
    if (last !== batch) {
      this.#underWay[batch.place] = last
      last.place = batch.place
    }
    this.#heardAtMs = this.#elapsedMs()
    const tripMs = this.#heardAtMs - batch.sentAtMs
    this.#window.observe(this.#shortest.of(tripMs))
    const { requests, checks, queued } = batch
    this.#events.onBatch?.({ requests: requests.length, checks, queued, tripMs, error })
    this.#wake()
  }
}

/**
 * The shortest of the latest round trips: what the link takes, without what batches wait behind one another here and at
 * the node. That wait must not open the window, or the batches would become smaller the more there is to do.
 */
class ShortestRoundTrip {
  #before = Number.POSITIVE_INFINITY
  #now = Number.POSITIVE_INFINITY
  #observed = 0

  of(roundTripMs: number): number {
    if (this.#observed++ === ROUND_TRIPS_KEPT) {
      this.#before = this.#now
      this.#now = Number.POSITIVE_INFINITY
      this.#observed = 1
    }
    this.#now = Math.min(this.#now, roundTripMs)
    return Math.min(this.#now, this.#before)
  }
}
