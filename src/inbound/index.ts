/** `sluice/gateway`: limits by who calls and what for, as gateways have them (`docs/gateway-limits.md`). */
export type { FallbackListener, MissingUserWord } from './dimensions.js'
export type { CustomLimit, GatewayConfig, GatewayDimensions } from './gateway-config.js'
export { createGatewayLimits, type GatewayCallOptions, type GatewayLimits } from './gateway-limits.js'
export type { GatewayRequest, GatewayUser } from './identity.js'
export { loadGatewayConfig } from './load-gateway-config.js'
export type { GatewayLimit, RateAlgorithm } from './read-limits.js'
export type { Strategy } from './strategies.js'
export type { DimensionState, GatewayVerdict } from './verdict.js'
