/** `skipped`: it cannot be told here, and nothing follows. */
export type Status = 'ok' | 'warning' | 'failed' | 'skipped'

/** One thing that was looked at. */
export interface Finding {
  /** Stable, for programs. */
  readonly check: string
  readonly status: Status
  /** The server it is about; undefined where it is about the store as a whole. */
  readonly server?: string
  readonly found: string
  /** What to do; empty where nothing is. */
  readonly advice: string
}

export const ok = (check: string, found: string): Finding => ({ check, status: 'ok', found, advice: '' })
export const skipped = (check: string, found: string): Finding => ({
  check,
  status: 'skipped',
  found,
  advice: '',
})

export const warning = (check: string, found: string, advice: string): Finding => ({
  check,
  status: 'warning',
  found,
  advice,
})

export const failed = (check: string, found: string, advice: string): Finding => ({
  check,
  status: 'failed',
  found,
  advice,
})
