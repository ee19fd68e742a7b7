/** Types that every HTTP adapter exports. */
export type { TrustProxy } from './address/proxy-trust.js'
export type { HeaderFormat } from './headers/header-writer.js'
export type { ProblemDocument } from './headers/problem.js'
export type { CheckOptions, PerRequest, RouteRate } from './options/request-options.js'
export type { RouteLimit } from './request/create.js'
export type { RateLimitInfo } from './request/rate-limit-info.js'
export type { Refused } from './request/refused.js'
export type { ShadowCounts } from './request/shadow.js'
