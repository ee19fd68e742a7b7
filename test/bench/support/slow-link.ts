/** A thread of its own for a proxy that makes round trips longer: `startSlowLink` is for the benchmark, the rest is the thread. */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { startTcpProxy } from '../../support/tcp-proxy.ts'

export interface SlowLink {
  readonly url: string
  close(): Promise<unknown>
}

/** @param addedMs what a round trip to `port` takes longer */
export async function startSlowLink(port: number, addedMs: number): Promise<SlowLink> {
  const thread = new Worker(new URL(import.meta.url), { workerData: { port, addedMs } })
  const url = await new Promise<string>((resolve, reject) => {
    thread.once('message', resolve)
    thread.once('error', reject)
  })
  return { url, close: () => thread.terminate() }
}

if (!isMainThread) {
  const { port, addedMs } = workerData as { port: number; addedMs: number }
  parentPort?.postMessage((await startTcpProxy(port, addedMs)).url)
}
