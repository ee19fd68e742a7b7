import type { KnownPart } from './logged-request.js'

/**
 * Names under which JSON logs keep what a replay needs; the first that a line has counts. A dot goes into a nested
 * object. Besides plain names, these are the ones of nginx, Caddy, Traefik, the Elastic Common Schema and Google Cloud.
 */
export const JSON_FIELDS: Readonly<Record<KnownPart | 'time', readonly string[]>> = {
  time: [
    'time',
    'timestamp',
    '@timestamp',
    'ts',
    'time_iso8601',
    'time_local',
    'datetime',
    'date',
    'StartUTC',
  ],
  ip: [
    'client_ip',
    'clientip',
    'clientIp',
    'ip',
    'remote_addr',
    'remoteAddr',
    'remote_ip',
    'request.client_ip',
    'request.remote_ip',
    'client.ip',
    'source.ip',
    'httpRequest.remoteIp',
    'ClientHost',
  ],
  method: [
    'method',
    'request_method',
    'http_method',
    'verb',
    'request.method',
    'http.request.method',
    'httpRequest.requestMethod',
    'RequestMethod',
  ],
  path: [
    'path',
    'uri',
    'url',
    'request_uri',
    'request.uri',
    'url.path',
    'url.original',
    'httpRequest.requestUrl',
    'RequestPath',
  ],
  status: [
    'status',
    'status_code',
    'statusCode',
    'http_status',
    'response',
    'http.response.status_code',
    'httpRequest.status',
    'DownstreamStatus',
  ],
  'user-agent': [
    'user_agent',
    'userAgent',
    'http_user_agent',
    'agent',
    'request.headers.User-Agent',
    'user_agent.original',
    'httpRequest.userAgent',
    'request_User-Agent',
  ],
  referer: [
    'referer',
    'referrer',
    'http_referer',
    'request.headers.Referer',
    'http.request.referrer',
    'httpRequest.referer',
    'request_Referer',
  ],
  user: ['user', 'remote_user', 'user_id', 'userId', 'user.name', 'ClientUsername'],
  host: ['host', 'http_host', 'server_name', 'vhost', 'request.host', 'url.domain', 'RequestHost'],
}

/** The value at a name: the key itself where the object has it, else the path its dots describe; `undefined` for none. */
export function fieldAt(object: object, name: string): unknown {
  if (Object.hasOwn(object, name)) return (object as Record<string, unknown>)[name]
  let value: unknown = object
  for (const key of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    value = (value as Record<string, unknown>)[key]
  }
  return value
}

/** A field as text: strings, numbers and booleans, or the first entry of a list of them. */
export function fieldText(value: unknown): string | undefined {
  // JSON can write half a surrogate pair, which has no UTF-8 form and so no key.
  if (typeof value === 'string') return value.toWellFormed()
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return Array.isArray(value) && typeof value[0] === 'string' ? fieldText(value[0]) : undefined
}
