/** How long a server that is asked no more may take for its last answers. */
const PATIENCE_MS = 1_000

/** Waits for what only a server that answers can bring about, but not for ever: one that stands still may never answer. */
export async function patiently(done: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const enough = new Promise<void>(resolve => {
    timer = setTimeout(resolve, PATIENCE_MS)
  })
  await Promise.race([done, enough])
  clearTimeout(timer)
}
