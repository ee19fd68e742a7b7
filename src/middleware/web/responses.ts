import type { Refused } from '../request/refused.js'

/** How the Response of a refused request begins. */
export const refusedResponse = ({ statusCode, contentType }: Refused) => ({
  status: statusCode,
  headers: { 'Content-Type': contentType },
})

/**
 * The Response with these fields: itself, or a copy where its headers cannot be changed, as of a redirect. One that switches
 * protocols, or is an error, cannot be copied either, and goes without.
 */
export function withFields(response: Response, fields: readonly (readonly [string, string])[]): Response {
  if (fields.length === 0) return response
  try {
    for (const [name, value] of fields) response.headers.set(name, value)
    return response
  } catch {
    const { status, statusText } = response
    if (status < 200) return response
    const headers = new Headers(response.headers)
    for (const [name, value] of fields) headers.set(name, value)
    return new Response(response.body, { status, statusText, headers })
  }
}
