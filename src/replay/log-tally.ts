import type { LogFormat } from './logged-request.js'
import type { ReorderBuffer } from './reorder-buffer.js'
import { isoTime, type LogReport } from './report.js'

/** Line numbers kept for each reason. */
const FIRST_LINES = 10

interface Fault {
  lines: number
  readonly firstLines: number[]
}

/** Counts what the lines of a log were. */
export class LogTally {
  readonly #faults = new Map<string, Fault>()
  #firstUs = Number.POSITIVE_INFINITY
  #lastUs = 0
  lines = 0
  requests = 0
  blank = 0
  malformed = 0

  addRequest(timeUs: number): void {
    this.requests++
    this.#firstUs = Math.min(this.#firstUs, timeUs)
    this.#lastUs = Math.max(this.#lastUs, timeUs)
  }

  addFault(lineNumber: number, reason: string): void {
    this.malformed++
    let fault = this.#faults.get(reason)
    if (fault === undefined) {
      fault = { lines: 0, firstLines: [] }
      this.#faults.set(reason, fault)
    }
    fault.lines++
    if (fault.firstLines.length < FIRST_LINES) fault.firstLines.push(lineNumber)
  }

  report(name: string, format: LogFormat | null, order: ReorderBuffer): LogReport {
    const reasons = [...this.#faults].map(([reason, fault]) => ({ reason, ...fault }))
    reasons.sort((a, b) => b.lines - a.lines || (a.firstLines[0] as number) - (b.firstLines[0] as number))
    return {
      name,
      format,
      lines: this.lines,
      requests: this.requests,
      blank: this.blank,
      malformed: { lines: this.malformed, reasons },
      outOfOrder: order.outOfOrder,
      late: order.late,
      longestLateMs: Math.ceil(order.longestLateUs / 1000),
      from: this.requests === 0 ? null : isoTime(this.#firstUs),
      to: this.requests === 0 ? null : isoTime(this.#lastUs),
    }
  }
}
