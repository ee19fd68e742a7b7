/** How a refusal by a limit reads where JSON-RPC carries it: who limits writes it, and a breaker knows it again. */

/** Too many requests: of the codes that JSON-RPC leaves to servers, as 429 is of HTTP. */
export const RATE_LIMITED_CODE = -32_029
/** The store of the limits cannot be asked, and nobody is let pass without it: as 503 is of HTTP. */
export const UNAVAILABLE_CODE = -32_053

/** The name under which the `_meta` of a tool's result tells of a refusal. */
export const REFUSAL_META = 'sluice/refusal'
