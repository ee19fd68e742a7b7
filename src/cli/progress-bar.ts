import cliProgress from 'cli-progress'
import type { OnBytes } from '../replay/log-source.js'
import type { Streams } from './output.js'

export interface Progress {
  readonly onBytes: OnBytes
  /** Takes the bar off the terminal. */
  stop(): void
}

/** A bar on standard error for as long as a file is read; nothing where that is no terminal or the size is unknown. */
export function createProgress(stderr: Streams['stderr']): Progress {
  let bar: cliProgress.SingleBar | undefined
  return {
    onBytes(readBytes, totalBytes) {
      if (stderr.isTTY !== true || totalBytes === undefined) return
      if (bar === undefined) {
        bar = new cliProgress.SingleBar(
          {
            stream: stderr,
            format: 'reading {bar} {percentage}% {eta_formatted}',
            clearOnComplete: true,
            hideCursor: true,
          },
          cliProgress.Presets.rect,
        )
        bar.start(totalBytes, readBytes)
      } else {
        bar.update(readBytes)
      }
    },
    stop: () => bar?.stop(),
  }
}
