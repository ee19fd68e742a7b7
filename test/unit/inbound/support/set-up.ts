import { createGatewayLimits, type GatewayConfig } from '../../../../src/inbound/index.js'
import { FakeClock } from '../../../../src/testing/index.js'

/** Limits by a clock that stands still, and whether they let a request pass. */
export function setUp(config: GatewayConfig) {
  const clock = new FakeClock()
  const limits = createGatewayLimits({ clock, ...config })
  const passes = async (request: Parameters<typeof limits.check>[0]) => (await limits.check(request)).allowed
  return { clock, limits, passes }
}
