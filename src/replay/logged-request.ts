/** Parts of a request that every log format may tell; JSON lines offer any field of theirs besides. */
export const KNOWN_PARTS = [
  'ip',
  'method',
  'path',
  'status',
  'user-agent',
  'referer',
  'user',
  'host',
] as const

export type KnownPart = (typeof KNOWN_PARTS)[number]

export const isKnownPart = (name: string): name is KnownPart =>
  (KNOWN_PARTS as readonly string[]).includes(name)

/** One request as the log tells it. */
export interface LoggedRequest {
  /** Microseconds since the Unix epoch, within the range of the arithmetic. */
  readonly timeUs: number
  /** The parts the parser was asked for, in that order; `undefined` where the line does not tell. */
  readonly parts: readonly (string | undefined)[]
}

/**
 * Why a line is not a request. The reason holds nothing of the line, so that equal faults count as one and nothing
 * hostile reaches a terminal by this way.
 */
export interface LineFault {
  readonly reason: string
}

export type ParsedLine = LoggedRequest | LineFault

export const isFault = (parsed: ParsedLine): parsed is LineFault => 'reason' in parsed

export interface LineParser {
  readonly format: LogFormat
  parse(line: string): ParsedLine
}

export const LOG_FORMATS = ['common', 'combined', 'json'] as const

export type LogFormat = (typeof LOG_FORMATS)[number]

/** Logs write `-` for what is not known. */
export const known = (text: string | undefined): string | undefined =>
  text === undefined || text === '' || text === '-' ? undefined : text

/** The path of a request target, without the query and, for a whole URL, without its origin. */
export function pathOf(target: string): string {
  const end = target.search(/[?#]/)
  const bare = end === -1 ? target : target.slice(0, end)
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(bare)
  if (scheme === null) return bare
  const slash = bare.indexOf('/', scheme[0].length)
  return slash === -1 ? '/' : bare.slice(slash)
}

/** Method and path of a request line such as `GET /index.html HTTP/1.1`; nothing of what is not one. */
export function splitRequestLine(request: string): { method?: string; path?: string } {
  const match = /^([A-Za-z][A-Za-z-]*) (\S+)(?: HTTP\/[\d.]+)?$/.exec(request)
  if (match === null) return {}
  return { method: match[1] as string, path: pathOf(match[2] as string) }
}
