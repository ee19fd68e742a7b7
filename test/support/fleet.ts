import { type ChildProcess, spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { FLEET_LIMITS, type FleetPolicy, LEDGER, LEDGER_LIMIT } from './fleet-limits.js'
import { type ReplicaSettings, ReplicaWord } from './fleet-words.js'
import { type Admission, brokenBound } from './history.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const PROGRAM = ['--import', './scripts/run-source.ts', 'test/containers/programs/replica.ts']
/** Answers after which a replica counts as busy. */
const BUSY = 150

/** A process of the fleet. */
class Replica {
  readonly #name: string
  readonly #child: ChildProcess
  readonly #said = new EventEmitter()
  readonly #gone: Promise<unknown>
  /** Why nothing more will be heard of it. */
  #lost: Error | undefined
  decided = 0
  readonly failed: string[] = []

  constructor(settings: ReplicaSettings, admit: (word: AdmissionWord) => void) {
    this.#name = `the replica on ${settings.release} by ${settings.implementation}`
    this.#child = spawn(process.execPath, [...PROGRAM, JSON.stringify(settings)], {
      cwd: ROOT,
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#gone = once(this.#child, 'close').then(([code]) => {
      this.#lost = new Error(`${this.#name} ended with code ${code}; what it wrote stands above`)
      this.#said.emit('gone')
    })
    if (this.#child.stdout === null) throw new TypeError('the replica has no output')
    createInterface({ input: this.#child.stdout }).on('line', line => {
      const word = ReplicaWord.parse(JSON.parse(line))
      if ('decided' in word) {
        this.decided += word.decided
        this.failed.push(...word.failed)
        admit(word)
      }
      this.#said.emit('word', word)
    })
  }

  /** Resolves with the first word that fits; rejects when the process ends before. */
  until(fits: (word: ReplicaWord) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#lost !== undefined) return reject(this.#lost)
      const leave = () => this.#said.off('word', onWord).off('gone', onGone)
      const onWord = (word: ReplicaWord) => {
        if (!fits(word)) return
        leave()
        resolve()
      }
      const onGone = () => {
        leave()
        reject(this.#lost)
      }
      this.#said.on('word', onWord).on('gone', onGone)
    })
  }

  async move(url: string): Promise<void> {
    const moved = this.until(word => 'moved' in word)
    this.#child.stdin?.write(`${url}\n`)
    await moved
  }

  /** Waits for what is under way, and ends. */
  async end(): Promise<void> {
    const ended = this.until(word => 'ended' in word)
    this.#child.stdin?.end()
    await ended
    await this.#gone
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

type AdmissionWord = Extract<ReplicaWord, { decided: number }>

/** Processes under load on the same keys, and the history of all that was ever admitted. */
export class Fleet {
  readonly #prefix: string
  readonly #replicas: Replica[] = []
  /** Those that were replaced, too. */
  readonly #everyone: Replica[] = []
  readonly #admitted = new Map<string, Admission[]>()
  readonly #left = new Map<string, number[]>()
  #url: string

  constructor(url: string, prefix: string) {
    this.#url = url
    this.#prefix = prefix
  }

  async add(release: string, implementation: string): Promise<void> {
    const settings = { url: this.#url, prefix: this.#prefix, release, implementation }
    const replica = new Replica(settings, word => this.#admit(word))
    this.#replicas.push(replica)
    this.#everyone.push(replica)
    await replica.until(word => 'ready' in word)
  }

  /** One replica at a time: the new one serves before the old one goes, and both do so for a while. */
  async roll(release: string, implementation: string): Promise<void> {
    for (let left = this.#replicas.length; left > 0; left--) {
      await this.add(release, implementation)
      await this.busy()
      await this.#replicas.shift()?.end()
    }
  }

  /** All replicas go on with another server. */
  async move(url: string): Promise<void> {
    this.#url = url
    await Promise.all(this.#replicas.map(replica => replica.move(url)))
  }

  /** Resolves when every replica has had many answers since now. */
  async busy(): Promise<void> {
    await Promise.all(
      this.#replicas.map(replica => {
        const enough = replica.decided + BUSY
        return replica.until(() => replica.decided >= enough)
      }),
    )
  }

  async end(): Promise<void> {
    await Promise.all(this.#replicas.map(replica => replica.end()))
    this.#replicas.length = 0
  }

  /** For when a test has failed. */
  kill(): void {
    for (const replica of this.#replicas.splice(0)) replica.kill()
  }

  /** Whatever breaks a promise: a bound in any interval, or a counter that forgot units or counted them twice. */
  findings(): string[] {
    const broken = [...this.#admitted].flatMap(([counter, admissions]) => {
      admissions.sort((a, b) => a.nowUs - b.nowUs)
      const found = brokenBound(FLEET_LIMITS[counter.split(' ')[0] as FleetPolicy], admissions)
      return found === undefined ? [] : [`${counter}: ${found}`]
    })
    const lost = [...this.#left].flatMap(([counter, left]) =>
      brokenLedger(left).map(text => `${counter}: ${text}`),
    )
    return [...broken, ...lost]
  }

  /** Codes of the errors that the fleet had in place of an answer, each once. */
  get failures(): readonly string[] {
    return [...new Set(this.#everyone.flatMap(replica => replica.failed))].sort()
  }

  /** Units admitted by each policy. */
  get admitted(): Readonly<Record<string, number>> {
    const totals: Record<string, number> = {}
    for (const [counter, admissions] of this.#admitted) {
      const policy = counter.split(' ')[0] as string
      totals[policy] = (totals[policy] ?? 0) + admissions.reduce((sum, { units }) => sum + units, 0)
    }
    return totals
  }

  #admit({ admitted }: AdmissionWord): void {
    for (const [policy, subject, nowUs, units, left] of admitted) {
      const counter = `${policy} ${subject}`
      const limit = FLEET_LIMITS[policy as FleetPolicy]
      const held = limit.algorithm === 'concurrency' ? { endUs: nowUs + limit.windowUs } : {}
      listOf(this.#admitted, counter).push({ nowUs, units, ...held })
      if (policy === LEDGER) listOf(this.#left, counter).push(left)
    }
  }
}

function listOf<T>(lists: Map<string, T[]>, name: string): T[] {
  const list = lists.get(name) ?? []
  lists.set(name, list)
  return list
}

/** One unit at a time, whoever takes it: every count below the limit is told once, in some order, and none is left out. */
function brokenLedger(left: readonly number[]): string[] {
  const falling = left.toSorted((a, b) => b - a)
  const at = falling.findIndex((value, i) => value !== LEDGER_LIMIT - 1 - i)
  if (at < 0) return []
  return [
    `unit ${at + 1} of ${left.length} left ${falling[at]}, and should have left ${LEDGER_LIMIT - 1 - at}`,
  ]
}
