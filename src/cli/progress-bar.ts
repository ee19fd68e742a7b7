import cliProgress from 'cli-progress'
import type { Streams } from './output.js'

export interface Progress {
  /** @param total undefined where it is not known: then there is no bar */
  readonly onProgress: (done: number, total: number | undefined) => void
  /** Takes the bar off the terminal. */
  stop(): void
}

/**
 * A bar on standard error; nothing where that is no terminal.
 *
 * @param doing what takes so long, such as `reading`
 */
export function createProgress(stderr: Streams['stderr'], doing: string): Progress {
  let bar: cliProgress.SingleBar | undefined
  return {
    onProgress(done, total) {
      if (stderr.isTTY !== true || total === undefined) return
      if (bar === undefined) {
        bar = new cliProgress.SingleBar(
          {
            stream: stderr,
            format: `${doing} {bar} {percentage}% {eta_formatted}`,
            clearOnComplete: true,
            hideCursor: true,
          },
          cliProgress.Presets.rect,
        )
        bar.start(total, done)
      } else {
        bar.update(done)
      }
    },
    stop: () => bar?.stop(),
  }
}
