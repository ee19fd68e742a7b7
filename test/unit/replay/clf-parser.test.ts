import { describe, expect, it } from 'vitest'
import { createClfParser } from '../../../src/replay/clf-parser.js'
import { isFault, type KnownPart } from '../../../src/replay/logged-request.js'

const PARTS: readonly KnownPart[] = ['ip', 'user', 'method', 'path', 'status', 'referer', 'user-agent']
const parser = createClfParser('combined', PARTS)

function read(line: string): Record<string, string | undefined> {
  const parsed = parser.parse(line)
  if (isFault(parsed)) throw new Error(parsed.reason)
  return Object.fromEntries(PARTS.map((part, index) => [part, parsed.parts[index]]))
}

const TIME = '[17/May/2015:10:05:03 +0000]'

describe('a line of a common or combined log', () => {
  it('is read whole', () => {
    const line = `203.0.113.5 - ada ${TIME} "GET /a/b?q=1 HTTP/1.1" 200 203023 "https://example.org/" "Mozilla/5.0 (X11)"`
    expect(read(line)).toEqual({
      ip: '203.0.113.5',
      user: 'ada',
      method: 'GET',
      path: '/a/b',
      status: '200',
      referer: 'https://example.org/',
      'user-agent': 'Mozilla/5.0 (X11)',
    })
    expect(parser.parse(line)).toMatchObject({ timeUs: Date.UTC(2015, 4, 17, 10, 5, 3) * 1000 })
  })

  it('may end after the size, as in the common format', () => {
    expect(read(`203.0.113.5 - - ${TIME} "GET / HTTP/1.0" 200 5`)).toMatchObject({
      ip: '203.0.113.5',
      'user-agent': undefined,
    })
  })

  it('tells an IPv6 client', () => {
    expect(read(`2001:db8::1 - - ${TIME} "GET / HTTP/1.1" 200 5`).ip).toBe('2001:db8::1')
  })

  it('tells nothing where it has a dash', () => {
    expect(read(`203.0.113.5 - - ${TIME} "-" 408 - "-" "-"`)).toEqual({
      ip: '203.0.113.5',
      user: undefined,
      method: undefined,
      path: undefined,
      status: '408',
      referer: undefined,
      'user-agent': undefined,
    })
  })

  it('keeps a user name with spaces and brackets apart from the time', () => {
    expect(read(`203.0.113.5 - ada b. lovelace ${TIME} "GET / HTTP/1.1" 200 5`).user).toBe('ada b. lovelace')
  })

  it('ends a quoted field at the first quote that no backslash escapes', () => {
    const line = String.raw`203.0.113.5 - - ${TIME} "GET /a\"b HTTP/1.1" 200 5 "-" "say \"hi\" \\"`
    expect(read(line)).toMatchObject({ path: '/a"b', 'user-agent': String.raw`say "hi" \ `.trim() })
  })

  it('undoes the escapes of Apache and nginx, several bytes of UTF-8 being one character', () => {
    const line = String.raw`203.0.113.5 - - ${TIME} "GET /caf\xC3\xA9 HTTP/1.1" 200 5 "-" "tab\there \x22quoted\x22"`
    expect(read(line)).toMatchObject({ path: '/café', 'user-agent': 'tab\there "quoted"' })
  })

  it('reads over further fields at the end', () => {
    const line = `203.0.113.5 - - ${TIME} "GET / HTTP/1.1" 200 5 "-" "curl/8.5" "198.51.100.7" rt=0.004`
    expect(read(line)['user-agent']).toBe('curl/8.5')
  })

  it('is a request still where its tail was cut off', () => {
    const line = `203.0.113.5 - - ${TIME} "GET / HTTP/1.1" 200 5 "-" "Mozilla/5.0 (compatible; bot.ht`
    expect(read(line)).toMatchObject({ ip: '203.0.113.5', status: '200', 'user-agent': undefined })
  })

  it('is a request still where the client spoke no HTTP', () => {
    expect(read(String.raw`203.0.113.5 - - ${TIME} "\x16\x03\x01\x02" 400 226 "-" "-"`)).toMatchObject({
      method: undefined,
      path: undefined,
      status: '400',
    })
  })

  it('tells the path of a request through a proxy', () => {
    expect(read(`203.0.113.5 - - ${TIME} "GET http://example.org/x?y HTTP/1.1" 200 5`).path).toBe('/x')
    expect(read(`203.0.113.5 - - ${TIME} "GET http://example.org HTTP/1.1" 200 5`).path).toBe('/')
  })

  it.each([
    ['', 'no client address at the start'],
    [' ', 'no client address at the start'],
    ['garbage', 'no client address at the start'],
    ['203.0.113.5 - -', 'no [time] after the client address'],
    ['203.0.113.5 - - [17/May/2015:10:05', 'no [time] after the client address'],
    ['203.0.113.5 - - [17/May/2015]', 'the time is not a date, a timestamp or a number of seconds'],
    ['203.0.113.5 - - [01/Jan/1970:00:00:00 +0000] "GET /" 200 5', 'the time is before 1985 or after 2053'],
    [`203.0.113.5 - - ${TIME}`, 'no "request" in quotes after the time'],
    [`203.0.113.5 - - ${TIME} GET / 200 5`, 'no "request" in quotes after the time'],
    [`203.0.113.5 - - ${TIME} "GET /shop`, 'the quoted request does not end'],
    [String.raw`203.0.113.5 - - ${TIME} "GET /shop\" 200 5`, 'the quoted request does not end'],
    [`203.0.113.5 - - ${TIME} "GET / HTTP/1.1"`, 'no status code after the request'],
    [`203.0.113.5 - - ${TIME} "GET / HTTP/1.1" OK 5`, 'no status code after the request'],
    [`203.0.113.5 - - ${TIME} "GET /"a" HTTP/1.1" 200 5`, 'no status code after the request'],
  ])('is malformed: %s', (line, reason) => {
    expect(parser.parse(line)).toEqual({ reason })
  })

  it('is walked once, however it is made to look for marks', () => {
    // Each would take minutes with a parser that goes back: quadratic in 65,536 characters.
    const hostile = [
      `203.0.113.5 - ${' ['.repeat(32_000)}`,
      `203.0.113.5 - - ${TIME} "${'\\"'.repeat(32_000)}`,
      `203.0.113.5 - - ${TIME} "${'\\'.repeat(65_000)}"`,
      `203.0.113.5 - - ${TIME} "GET / HTTP/1.1" 200 5 "${'" "'.repeat(21_000)}`,
    ]
    for (const line of hostile) parser.parse(line)
  })
})
