import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { z } from 'zod'

/** Who holds a lock, as the lock file tells: JSON. */
const Holder = z.strictObject({
  pid: z.int().positive(),
  host: z.string(),
  /** Where the pid means this process: pids of another machine or container are of other processes. */
  place: z.string(),
  /** When the process started, in the words of the system, where it tells: pids are given again. */
  started: z.string().optional(),
  /** Of this very lock. */
  token: z.string(),
})

export type Holder = z.infer<typeof Holder>

/** This process. */
export function ownHolder(token: string): Holder {
  const started = startOf(process.pid)
  return {
    pid: process.pid,
    host: hostname(),
    place: ownPlace(),
    ...(started !== undefined && { started }),
    token,
  }
}

/** Undefined when the text is cut off, not written yet, or of something else. */
export function parseHolder(text: string): Holder | undefined {
  try {
    return Holder.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

/** Whether the holder runs; undefined where that cannot be seen from here. */
export function isRunning({ pid, place, started }: Holder): boolean | undefined {
  if (place !== ownPlace()) return undefined
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it runs, under another user.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  const startedNow = startOf(pid)
  return started === undefined || startedNow === undefined || started === startedNow
}

export function describeHolder(holder: Holder | undefined): string {
  if (holder === undefined) return 'a process that is just starting'
  const { pid, host, place } = holder
  if (place !== ownPlace()) return `the process with pid ${pid} on ${host}`
  return pid === process.pid ? `this very process (pid ${pid})` : `the process with pid ${pid}`
}

/** On Linux the running system and the space of pids in it, which every container has of its own; else the machine. */
function ownPlace(): string {
  const boot = readSystem(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim())
  const pids = readSystem(() => readlinkSync('/proc/self/ns/pid'))
  return boot === undefined || pids === undefined ? hostname() : `${boot} ${pids}`
}

/** When a process started; undefined where the system does not tell. */
function startOf(pid: number): string | undefined {
  const stat = readSystem(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  // The 22nd field. The second is the name in parentheses, which may itself hold spaces and parentheses.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
}

/** Not every system has /proc, and not all of it may be read everywhere. */
function readSystem(read: () => string): string | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
