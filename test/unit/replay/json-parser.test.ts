import { describe, expect, it } from 'vitest'
import { createJsonParser } from '../../../src/replay/json-parser.js'
import { isFault } from '../../../src/replay/logged-request.js'

const TIME = '2015-05-17T10:05:03Z'

function read(line: unknown, parts: readonly string[], fields?: Record<string, string>) {
  const parsed = createJsonParser(parts, fields).parse(typeof line === 'string' ? line : JSON.stringify(line))
  if (isFault(parsed)) throw new Error(parsed.reason)
  return parsed.parts
}

describe('a JSON line', () => {
  it.each([
    ['plain names', { time: TIME, ip: '203.0.113.5', method: 'GET', path: '/a?b=1', status: 200 }],
    [
      'the names of nginx',
      { '@timestamp': TIME, remote_addr: '203.0.113.5', request: 'GET /a?b=1 HTTP/1.1', status: '200' },
    ],
    [
      'Caddy',
      {
        ts: 1_431_857_103.5,
        request: { remote_ip: '203.0.113.5', method: 'GET', uri: '/a?b=1' },
        status: 200,
      },
    ],
    [
      'the Elastic Common Schema',
      {
        '@timestamp': TIME,
        client: { ip: '203.0.113.5' },
        http: { request: { method: 'GET' }, response: { status_code: 200 } },
        url: { path: '/a' },
      },
    ],
    [
      'the Elastic Common Schema with dots in its names',
      {
        '@timestamp': TIME,
        'source.ip': '203.0.113.5',
        'http.request.method': 'GET',
        'http.response.status_code': 200,
        'url.path': '/a',
      },
    ],
    [
      'Google Cloud',
      {
        timestamp: TIME,
        httpRequest: {
          remoteIp: '203.0.113.5',
          requestMethod: 'GET',
          requestUrl: 'https://example.org/a?b',
          status: 200,
        },
      },
    ],
    [
      'Traefik',
      {
        time: TIME,
        ClientHost: '203.0.113.5',
        RequestMethod: 'GET',
        RequestPath: '/a',
        DownstreamStatus: 200,
      },
    ],
  ])('is read with %s', (_, line) => {
    expect(read(line, ['ip', 'method', 'path', 'status'])).toEqual(['203.0.113.5', 'GET', '/a', '200'])
  })

  it('offers any field of its own as a part', () => {
    expect(read({ time: TIME, tenant: 'acme', user: { plan: 'pro' } }, ['tenant', 'user.plan'])).toEqual([
      'acme',
      'pro',
    ])
  })

  it('is read under other names where these are given', () => {
    const line = { time: 'not this', at: TIME, ip: '10.0.0.1', headers: { 'x-real-ip': '203.0.113.5' } }
    expect(read(line, ['ip'], { time: 'at', ip: 'headers.x-real-ip' })).toEqual(['203.0.113.5'])
  })

  it('takes the first of a list, as Caddy writes headers', () => {
    const line = { ts: TIME, request: { headers: { 'User-Agent': ['curl/8.5'] } } }
    expect(read(line, ['user-agent'])).toEqual(['curl/8.5'])
  })

  it('tells nothing for what is empty, a dash, null or an object', () => {
    const line = { time: TIME, ip: '', method: '-', path: null, user: {}, host: [] }
    expect(read(line, ['ip', 'method', 'path', 'user', 'host', 'status'])).toEqual(Array(6).fill(undefined))
  })

  it('reads no field that the line does not have itself', () => {
    expect(read({ time: TIME }, ['constructor', '__proto__', 'toString.name'])).toEqual(
      Array(3).fill(undefined),
    )
    expect(read(`{"time":"${TIME}","__proto__":{"ip":"203.0.113.5"}}`, ['ip'])).toEqual([undefined])
  })

  it('repairs half a surrogate pair, which no key could hold', () => {
    expect(read(`{"time":"${TIME}","ip":"a\\ud800b"}`, ['ip'])).toEqual(['a\ufffdb'])
  })

  it.each([
    ['{"time":', 'not a JSON object'],
    ['[1, 2]', 'not a JSON object'],
    ['"text"', 'not a JSON object'],
    ['null', 'not a JSON object'],
    ['203.0.113.5 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 5', 'not a JSON object'],
    ['{}', 'no field with the time'],
    ['{"time":null}', 'no field with the time'],
    ['{"time":"soon"}', 'the time is not a date, a timestamp or a number of seconds'],
    ['{"time":{"$date":1}}', 'the time is not a date, a timestamp or a number of seconds'],
    ['{"time":0}', 'the time is before 1985 or after 2053'],
  ])('is malformed: %s', (line, reason) => {
    expect(createJsonParser(['ip']).parse(line)).toEqual({ reason })
  })

  it('may be nested as deep as a line is long', () => {
    expect(createJsonParser(['ip']).parse('['.repeat(60_000))).toEqual({ reason: 'not a JSON object' })
    expect(read(`{"time":"${TIME}","x":${'['.repeat(20_000)}${']'.repeat(20_000)}}`, ['ip'])).toEqual([
      undefined,
    ])
  })
})
