import { MemoryPoints } from './memory-points.js'
import { type RateLimiterMemoryOptions, readMemoryOptions } from './options.js'
import { RateLimiter } from './rate-limiter.js'

/** As `RateLimiterMemory` of rate-limiter-flexible: counts in this process, within bounded memory. */
export class RateLimiterMemory extends RateLimiter {
  /** @throws OptionError listing everything that is wrong with the options */
  constructor(options: RateLimiterMemoryOptions) {
    const settings = readMemoryOptions(options)
    super(settings, new MemoryPoints(settings.clock, settings.maxKeys), 0)
  }
}
