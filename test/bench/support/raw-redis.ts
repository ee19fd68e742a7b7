import { connect, type Socket } from 'node:net'

/**
 * A bare pipeline to a Redis socket: whole commands go out as bytes made beforehand, and replies are only counted.
 * A client library's work would blur what the server spends.
 */
export class RawRedis {
  readonly #socket: Socket
  #tail: Buffer = Buffer.alloc(0)
  #awaited = 0
  #replies: Buffer[] = []
  #done: ((replies: Buffer[]) => void) | undefined

  constructor(socketPath: string) {
    this.#socket = connect(socketPath)
    this.#socket.on('data', chunk => this.#read(chunk))
  }

  /** Sends `commands` with at most `window` unanswered, and resolves with the raw replies. */
  async run(commands: readonly Buffer[], window = 32): Promise<Buffer[]> {
    const replies: Buffer[] = []
    for (let first = 0; first < commands.length; first += window) {
      const some = commands.slice(first, first + window)
      this.#awaited = some.length
      this.#replies = []
      const answered = new Promise<Buffer[]>(resolve => {
        this.#done = resolve
      })
      this.#socket.write(Buffer.concat(some))
      replies.push(...(await answered))
    }
    return replies
  }

  async call(...args: (string | Buffer)[]): Promise<Buffer> {
    const [reply] = await this.run([encodeCommand(args)])
    if (!reply || reply[0] === 0x2d) throw new Error(`${args[0]}: ${reply?.toString()}`)
    return reply
  }

  close(): void {
    this.#socket.destroy()
  }

  #read(chunk: Buffer): void {
    let data = this.#tail.length > 0 ? Buffer.concat([this.#tail, chunk]) : chunk
    for (let end = replyEnd(data); end > 0; end = replyEnd(data)) {
      this.#replies.push(data.subarray(0, end))
      data = data.subarray(end)
    }
    this.#tail = data
    if (this.#replies.length === this.#awaited) this.#done?.(this.#replies)
  }
}

/** Where the first complete reply in `data`, from `start` on, ends; 0 when it is not all there yet. */
function replyEnd(data: Buffer, start = 0): number {
  const line = data.indexOf('\r\n', start)
  if (line < 0) return 0
  const kind = data[start]
  if (kind !== 0x24 && kind !== 0x2a) return line + 2
  const length = Number(data.toString('latin1', start + 1, line))
  if (kind === 0x24) {
    const end = length < 0 ? line + 2 : line + 2 + length + 2
    return end <= data.length ? end : 0
  }
  let end = line + 2
  for (let item = 0; item < length && end > 0; item++) end = replyEnd(data, end)
  return end
}

export function encodeCommand(args: readonly (string | Buffer)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)]
  for (const arg of args) {
    const bytes = typeof arg === 'string' ? Buffer.from(arg) : arg
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'))
  }
  return Buffer.concat(parts)
}

/** CPU time of the server's main thread so far, in us. */
export async function serverCpuUs(redis: RawRedis): Promise<number> {
  const info = (await redis.call('INFO', 'cpu')).toString()
  const seconds = (field: string): number => Number(new RegExp(`${field}:([0-9.]+)`).exec(info)?.[1])
  return (seconds('used_cpu_user_main_thread') + seconds('used_cpu_sys_main_thread')) * 1e6
}
