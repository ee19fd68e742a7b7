import { InterruptedError } from './exit-codes.js'

/** Ctrl-C ends the work, not the process at once: what it has begun in a server or a file is brought to an end first. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  const abort = () => controller.abort(new InterruptedError('interrupted'))
  process.once('SIGINT', abort)
  process.once('SIGTERM', abort)
  try {
    return await work(controller.signal)
  } finally {
    process.off('SIGINT', abort)
    process.off('SIGTERM', abort)
  }
}
