import { Command } from 'ioredis'
import type { ScriptArg, ScriptCommand } from './redis-client.js'

const SHORT_HEADERS = Array.from({ length: 1024 }, (_, byteLength) => `$${byteLength}\r\n`)
const header = (byteLength: number): string => SHORT_HEADERS[byteLength] ?? `$${byteLength}\r\n`

/**
 * EVALSHA or EVAL with hundreds of keys. It differs from ioredis' own command in how it is written: ioredis takes each
 * argument's bytes, count and separators on their own, this makes one string of all keys and writes it at once.
 *
 * What ioredis itself knows as the arguments, and so shows in its traces and errors, is the script alone: subjects stay
 * out of logs.
 */
export class EvaluateCommand extends Command {
  readonly #script: string
  readonly #keys: readonly string[]
  readonly #scriptArgs: readonly ScriptArg[]

  constructor(name: ScriptCommand, script: string, keys: readonly string[], args: readonly ScriptArg[]) {
    super(name, [script])
    this.#script = script
    this.#keys = keys
    this.#scriptArgs = args
  }

  override toWritable(): Buffer {
    return this.#write(text => text.length) ?? (this.#write(Buffer.byteLength) as Buffer)
  }

  /**
   * The command as RESP. Its text is nearly always ASCII, where a character is a byte: that is tried first, and one
   * count of the whole tells whether it was true.
   *
   * @param byteLength the bytes of a text in UTF-8
   * @returns undefined where `byteLength` was wrong
   */
  #write(byteLength: (text: string) => number): Buffer | undefined {
    const count = String(this.#keys.length)
    let text =
      `*${3 + this.#keys.length + this.#scriptArgs.length}\r\n${header(this.name.length)}${this.name}\r\n` +
      `${header(byteLength(this.#script))}${this.#script}\r\n${header(count.length)}${count}\r\n`
    for (const key of this.#keys) text += `${header(byteLength(key))}${key}\r\n`

    const pieces: ScriptArg[] = []
    let total = 0
    for (const arg of this.#scriptArgs) {
      if (typeof arg === 'string') {
        text += `${header(byteLength(arg))}${arg}\r\n`
      } else {
        text += header(arg.byteLength)
        pieces.push(text, arg)
        total += byteLength(text) + arg.byteLength
        text = '\r\n'
      }
    }
    pieces.push(text)
    total += byteLength(text)

    const buffer = Buffer.allocUnsafe(total)
    let offset = 0
    for (const piece of pieces) {
      if (typeof piece === 'string') {
        if (Buffer.byteLength(piece) !== byteLength(piece)) return undefined
        offset += buffer.write(piece, offset)
      } else {
        buffer.set(piece, offset)
        offset += piece.byteLength
      }
    }
    return buffer
  }
}

/**
 * How ioredis' constructor makes the promise, in a method that it keeps private. Its own assigns a function literal to a
 * property. V8 allocates such a function as an old object, and that keeps its command, dead or not, until the whole heap is
 * collected: each minor collection copied all batches since the one before, and took milliseconds. Here is no literal
 * where a function is assigned. What else ioredis does there, timers and transformed replies, these commands do not have.
 */
function initPromise(this: EvaluateCommand): void {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>()
  this.promise = promise
  this.resolve = settling(this, resolve)
  this.reject = settling(this, reject)
}
Object.defineProperty(EvaluateCommand.prototype, 'initPromise', { value: initPromise })

function settling<T>(command: EvaluateCommand, settle: (value: T) => void): (value: T) => void {
  return value => {
    command.isSettled = true
    settle(value)
  }
}
