import { describe, expect, it } from 'vitest'
import { createLineParser, detectFormat } from '../../../src/replay/log-format.js'

const COMMON = '203.0.113.5 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 5'
const COMBINED = `${COMMON} "-" "curl/8.5"`
const JSON_LINE = '{"time":"2015-05-17T10:05:03Z","ip":"203.0.113.5"}'

describe('detectFormat', () => {
  it('tells each format by its lines', () => {
    expect(detectFormat([COMMON])).toBe('common')
    expect(detectFormat([COMBINED])).toBe('combined')
    expect(detectFormat([JSON_LINE])).toBe('json')
  })

  it('goes by the many, not by the first', () => {
    expect(detectFormat(['server started', '', JSON_LINE, COMBINED, COMBINED])).toBe('combined')
    expect(detectFormat(['{"level":"info"}', COMMON, JSON_LINE, JSON_LINE])).toBe('json')
  })

  it('takes a log with a tail on some lines for combined', () => {
    expect(detectFormat([COMMON, COMMON, COMBINED])).toBe('combined')
  })

  it('looks for the time of JSON lines where it is told to', () => {
    expect(detectFormat(['{"at":"2015-05-17T10:05:03Z"}'])).toBeUndefined()
    expect(detectFormat(['{"at":"2015-05-17T10:05:03Z"}'], { time: 'at' })).toBe('json')
  })

  it('tells none where no line is a request', () => {
    expect(detectFormat(['', 'a poem', '<html>'])).toBeUndefined()
  })
})

describe('createLineParser', () => {
  it('names the part that a format does not tell', () => {
    expect(createLineParser('common', ['ip', 'user-agent'], {})).toEqual({ unknownPart: 'user-agent' })
    expect(createLineParser('combined', ['tenant'], {})).toEqual({ unknownPart: 'tenant' })
    expect(createLineParser('json', ['tenant'], {})).toMatchObject({ format: 'json' })
  })
})
