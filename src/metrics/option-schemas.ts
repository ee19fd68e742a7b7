import { z } from 'zod'

/** An object of somebody else's, by what is called of it. */
export const hasMethods = (...names: string[]) =>
  z.custom<object>(
    value => names.every(name => typeof (value as Record<string, unknown> | null)?.[name] === 'function'),
    `must have the methods ${names.join(', ')}`,
  )

/** Limiters by the name that their measurements have. */
export const namedLimiters = z.record(z.string(), hasMethods('on', 'metrics'))
