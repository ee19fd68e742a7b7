import { PolicyError } from '../errors.js'
import { Refusal, show } from './refusal.js'
import { readDurationText } from './units.js'

/** `<limit> / <window>` or `<limit> per <window>`, where the window is a unit or a number and a unit. */
const RATE = /^([^\s/]+)\s*(?:\/|(?<=\s)per(?=\s))\s*(.+)$/i
const WHOLE = /^\d+$/

const EXAMPLES = `such as '100/m', '10/30s' or '1 per 259.2 s'`

/** A rate string to units per us of window. */
export function readRate(value: unknown): { limit: number; windowUs: number } | Refusal {
  if (typeof value === 'number') {
    const limit = Number.isSafeInteger(value) && value > 0 ? value : 100
    return new Refusal(`${value} is a number without a window; write a rate, such as '${limit}/m'`)
  }
  if (typeof value !== 'string')
    return new Refusal(`${show(value)} is not a rate; write a limit and a window, ${EXAMPLES}`)
  const match = RATE.exec(value.trim())
  if (match === null)
    return new Refusal(`${show(value)} is not a rate; write a limit and a window, ${EXAMPLES}`)
  const [, count = '', window = ''] = match
  if (!WHOLE.test(count)) {
    return new Refusal(
      `${show(value)} has a limit of ${show(count)}; a limit is a whole number of at least 1 ` +
        `(for less than 1 per window, write a longer window)`,
    )
  }
  const limit = Number(count)
  if (limit === 0)
    return new Refusal(`${show(value)} would admit nothing; a limit is a whole number of at least 1`)
  const windowUs = readDurationText(window, false)
  return windowUs instanceof Refusal
    ? new Refusal(`${show(value)}: ${windowUs.message}`)
    : { limit, windowUs }
}

/**
 * A rate string (`'100/m'`, `'10/30s'`, `'5000/day'`, `'1 per 259.2 s'`).
 *
 * @param path where the value stands, for the message
 * @returns units, and the window in integer us
 * @throws PolicyError when it is not one
 */
export function parseRate(
  value: unknown,
  path = 'rate',
): { readonly limit: number; readonly windowUs: number } {
  const rate = readRate(value)
  if (rate instanceof Refusal) throw new PolicyError([{ path, value, message: rate.message }])
  return rate
}
