/** Not there before Node 23.9, where the CPU of the whole process has to do: the collection of garbage is then counted in. */
const threadCpuUsage: (() => NodeJS.CpuUsage) | undefined = process.threadCpuUsage

/** us of CPU that this thread has taken. */
export function threadCpuUs(): number {
  const { user, system } = threadCpuUsage === undefined ? process.cpuUsage() : threadCpuUsage()
  return user + system
}
