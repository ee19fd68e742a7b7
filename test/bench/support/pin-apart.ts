import { execFileSync } from 'node:child_process'

/**
 * Puts a server on the first core and this process on the second, where the system can. Left alone, the kernel may keep
 * two processes that wake one another on one core, for seconds, and the figures are those of half a machine.
 *
 * @returns whether it could
 */
export function pinApart(serverPid: number): boolean {
  return pin(serverPid, 0) && pin(process.pid, 1)
}

/** Keeps a process on one core, with all of its threads. @returns whether the system could */
export function pin(pid: number, core: number): boolean {
  try {
    execFileSync('taskset', ['-acp', String(core), String(pid)], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
