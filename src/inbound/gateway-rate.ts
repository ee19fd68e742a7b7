import { Refusal, show } from '../policy/refusal.js'

/** The rates of that gateway: any case, a leading `+`, spaces. All of them are rates of `docs/policies.md`, too. */
const RATE = /^\s*\+?(\d+)\s*\/\s*(s|sec|second|m|min|minute|h|hr|hour)\s*$/i
const COUNT_MAX = 1_000_000

/**
 * A rate of that gateway as one of `docs/policies.md`. Above its ceiling it is most likely a slip.
 *
 * @returns undefined where it is none: then it may still be a limit that only we know
 */
export function readGatewayRate(value: unknown): string | Refusal | undefined {
  const [, count = '', unit = ''] = typeof value === 'string' ? (RATE.exec(value) ?? []) : []
  if (unit === '') return undefined
  if (Number(count) > COUNT_MAX) {
    const way = `{ limit: ${count}, window: '1${unit.charAt(0).toLowerCase()}' }`
    return new Refusal(
      `${show(value)} is above ${COUNT_MAX}, the ceiling of rates here; if it is meant, write ${way}`,
    )
  }
  return `${Number(count)}/${unit.charAt(0).toLowerCase()}`
}
