import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Refused } from '../request/refused.js'
import type { Ruling } from '../request/ruling.js'

/** What adapters on `node:http` have in common: the message and the response beneath their own. */

export const peerOf = (message: IncomingMessage): string | undefined => message.socket.remoteAddress

export function forwardedForOf(message: IncomingMessage): string | undefined {
  const header = message.headers['x-forwarded-for']
  return Array.isArray(header) ? header.join(',') : header
}

/** The client went away before its answer was finished. */
export function onGone(response: ServerResponse, listener: () => void): () => void {
  if (response.closed) listener()
  else response.once('close', listener)
  return () => {
    response.off('close', listener)
  }
}

/** Tells the client, unless something else has answered already. */
export function writeFields(
  ruling: Pick<Ruling<never, never>, 'writeFields'>,
  response: ServerResponse,
): void {
  if (response.headersSent) return
  ruling.writeFields((name, value) => response.setHeader(name, value))
}

/** Settles when the answer has been handed to the system. One that never is stays counted. */
export function settleWhenFinished<R>(
  ruling: { readonly settles: boolean; settle(response: R): Promise<void> },
  raw: ServerResponse,
  response: R,
): void {
  if (!ruling.settles) return
  const settle = () => void ruling.settle(response)
  if (raw.writableFinished) settle()
  else raw.once('finish', settle)
}

/** Answers a refused request, unless something else has answered already. */
export function answerRefused({ statusCode, contentType, body }: Refused, response: ServerResponse): void {
  if (response.headersSent || response.writableEnded) return
  response.statusCode = statusCode
  response.setHeader('Content-Type', contentType)
  response.setHeader('Content-Length', Buffer.byteLength(body))
  response.end(body)
}
