import { LogError, OptionError } from '../errors.js'
import type { Decider, ReplayCheck, Verdict } from './decider.js'
import type { FieldNames } from './json-parser.js'
import { type LogLine, readLines } from './line-reader.js'
import { createLineParser, detectFormat, partsOf, SAMPLE_LINES } from './log-format.js'
import type { LogSource } from './log-source.js'
import { LogTally } from './log-tally.js'
import { isFault, type LineParser, LOG_FORMATS, type LogFormat } from './logged-request.js'
import { PolicyTally, policyTimeline } from './policy-tally.js'
import { type Instant, ReorderBuffer } from './reorder-buffer.js'
import type { ReplayPolicy } from './replay-policy.js'
import { REPORT_SCHEMA, type ReplayReport } from './report.js'
import { Timeline } from './timeline.js'

export interface ReplayOptions {
  /** Each decides every request for itself: a refusal by one does not spare the budget of another. */
  readonly policies: readonly ReplayPolicy[]
  readonly decider: Decider
  /** Told from the first lines when absent. */
  readonly format?: LogFormat | undefined
  /** JSON lines: where to read the time or a part, instead of the usual names. */
  readonly fields?: FieldNames | undefined
  /** How far lines may be out of order and still be decided in order of time, in us. 0: as they come. */
  readonly reorderUs: number
  /** Units each request costs. */
  readonly cost: number
  /** Offenders listed for each policy. */
  readonly topCount: number
  readonly signal?: AbortSignal | undefined
}

/**
 * Sends every request of a log through the policies, under the log's own clock, and counts what they would have done.
 *
 * @throws LogError when the log cannot be read, or has lines but no request
 * @throws OptionError when a policy counts by a part that the log does not tell
 */
export async function replay(source: LogSource, options: ReplayOptions): Promise<ReplayReport> {
  const run = new ReplayRun(options)
  const sample: LogLine[] = []
  for await (const lines of readLines(source.chunks)) {
    if (run.parser !== undefined) {
      await run.read(lines)
    } else {
      sample.push(...lines)
      if (sample.length >= SAMPLE_LINES) await run.start(sample.splice(0))
    }
  }
  if (sample.length > 0) await run.start(sample)
  return run.finish(source.name)
}

/** Instants that are asked before the first of them is answered. */
const ASKED_AHEAD_MAX = 256

interface CountedCheck extends ReplayCheck {
  readonly policyIndex: number
}

interface Asked {
  readonly nowUs: number
  readonly checks: readonly CountedCheck[]
  readonly verdicts: readonly Verdict[]
}

class ReplayRun {
  readonly #options: ReplayOptions
  readonly #tallies: readonly PolicyTally[]
  readonly #parts: readonly string[]
  /** For each policy, where its parts stand among all parts. */
  readonly #partIndexes: readonly (readonly number[])[]
  readonly #log = new LogTally()
  readonly #order: ReorderBuffer
  readonly #timeline: Timeline
  #asked: Promise<Asked>[] = []
  parser: LineParser | undefined

  constructor(options: ReplayOptions) {
    const { policies, reorderUs } = options
    this.#options = options
    this.#tallies = policies.map(policy => new PolicyTally(policy))
    this.#parts = [...new Set(policies.flatMap(policy => policy.by))]
    this.#partIndexes = policies.map(policy => policy.by.map(part => this.#parts.indexOf(part)))
    this.#order = new ReorderBuffer(reorderUs)
    this.#timeline = new Timeline(2 * policies.length)
  }

  /** Settles the format by the first lines, and reads them. */
  async start(sample: readonly LogLine[]): Promise<void> {
    const { fields = {}, policies } = this.#options
    const texts = sample.slice(0, SAMPLE_LINES).map(line => line.text)
    const format = this.#options.format ?? detectFormat(texts, fields)
    if (format === undefined) {
      if (texts.some(text => text.trim() !== '')) throw noRequests(texts.length, undefined)
      for (const line of sample) this.#take(line)
      return
    }
    const parser = createLineParser(format, this.#parts, fields)
    if ('unknownPart' in parser) {
      const part = parser.unknownPart
      const policy = policies.find(({ by }) => by.includes(part))
      throw new OptionError(
        `policy '${policy?.name}' counts by '${part}', which a log in the ${format} format does not tell; ` +
          `it tells ${partsOf(format).join(', ')}`,
      )
    }
    this.parser = parser
    await this.read(sample)
  }

  async read(lines: readonly LogLine[]): Promise<void> {
    for (const line of lines) {
      this.#take(line)
      while (this.#ask(false)) await this.#settle()
    }
    await this.#settle()
  }

  async finish(name: string): Promise<ReplayReport> {
    while (this.#ask(true)) await this.#settle()
    await this.#settle()
    if (this.#log.requests === 0 && this.#log.malformed > 0) {
      throw noRequests(this.#log.lines, this.#options.format)
    }
    const buckets = this.#timeline.buckets()
    return {
      schema: REPORT_SCHEMA,
      log: this.#log.report(name, this.parser?.format ?? null, this.#order),
      cost: this.#options.cost,
      bucketMs: this.#timeline.sizeUs / 1000,
      policies: this.#tallies.map((tally, index) =>
        tally.report(this.#options.topCount, policyTimeline(buckets, 2 * index)),
      ),
    }
  }

  #take(line: LogLine): void {
    this.#log.lines++
    if (line.tooLong) {
      this.#log.addFault(line.number, 'longer than 65,536 characters')
    } else if (line.text.trim() === '') {
      this.#log.blank++
    } else {
      const parsed = (this.parser as LineParser).parse(line.text)
      if (isFault(parsed)) {
        this.#log.addFault(line.number, parsed.reason)
      } else {
        this.#log.addRequest(parsed.timeUs)
        this.#order.push(parsed)
      }
    }
  }

  /**
   * Asks for the instants that are closed, as far ahead of their answers as allowed. Called after every line, so that the
   * answers do not depend on how the log came in pieces.
   *
   * @returns whether more is closed than may be asked ahead
   */
  #ask(ended: boolean): boolean {
    while (this.#asked.length < ASKED_AHEAD_MAX) {
      const instant = this.#order.shift(ended)
      if (instant === undefined) return false
      const { nowUs } = instant
      const checks = this.#checksOf(instant)
      const answer = this.#options.decider.decide(nowUs, checks)
      // An engine in process answers at once, and a promise for every instant would be most of the work.
      if (answer instanceof Promise) this.#asked.push(answer.then(verdicts => ({ nowUs, checks, verdicts })))
      else this.#count({ nowUs, checks, verdicts: answer })
    }
    return true
  }

  async #settle(): Promise<void> {
    for (const answered of await Promise.all(this.#asked)) this.#count(answered)
    this.#asked = []
    this.#options.signal?.throwIfAborted()
  }

  #count({ nowUs, checks, verdicts }: Asked): void {
    for (const [index, { policyIndex, subject }] of checks.entries()) {
      const verdict = verdicts[index] as Verdict
      ;(this.#tallies[policyIndex] as PolicyTally).add(subject, nowUs, verdict)
      this.#timeline.add(2 * policyIndex + (verdict.allowed ? 0 : 1), nowUs)
    }
  }

  #checksOf(instant: Instant): CountedCheck[] {
    const checks: CountedCheck[] = []
    for (const request of instant.requests) {
      for (const [policyIndex, tally] of this.#tallies.entries()) {
        const subject = (this.#partIndexes[policyIndex] as readonly number[]).map(
          index => request.parts[index],
        )
        if (subject.every(part => part !== undefined)) {
          checks.push({ policy: tally.policy, subject, cost: this.#options.cost, policyIndex })
        } else {
          tally.withoutSubject++
        }
      }
    }
    return checks
  }
}

/** @param chosen the format, where the caller has named it */
function noRequests(lines: number, chosen: LogFormat | undefined): LogError {
  const fields = 'name the fields of JSON lines with --field time=NAME'
  const wayOut =
    chosen === undefined
      ? `choose one with --format, or ${fields}`
      : `leave out --format to have it told from the first lines${chosen === 'json' ? `, or ${fields}` : ''}`
  const formats = chosen ?? LOG_FORMATS.join(', ')
  return new LogError(`none of the first ${lines} lines is a request in the format ${formats}; ${wayOut}`)
}
