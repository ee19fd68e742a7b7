import { execFileSync } from 'node:child_process'

/**
 * Puts a server on the first core and this process on the second, where the system can. Left alone, the kernel may keep
 * two processes that wake one another on one core, for seconds, and the figures are those of half a machine.
 *
 * @returns whether it could
 */
export function pinApart(serverPid: number): boolean {
  try {
    execFileSync('taskset', ['-acp', '0', String(serverPid)], { stdio: 'ignore' })
    execFileSync('taskset', ['-acp', '1', String(process.pid)], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
