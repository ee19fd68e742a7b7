import { describe, expect, it } from 'vitest'
import { LINE_LENGTH_MAX, type LogLine, readLines } from '../../../src/replay/line-reader.js'

async function read(...chunks: (string | Buffer)[]): Promise<LogLine[]> {
  async function* bytes(): AsyncGenerator<Buffer> {
    for (const chunk of chunks) yield Buffer.from(chunk)
  }
  const lines: LogLine[] = []
  for await (const some of readLines(bytes())) lines.push(...some)
  return lines
}

const texts = async (...chunks: (string | Buffer)[]): Promise<string[]> =>
  (await read(...chunks)).map(line => line.text)

describe('readLines', () => {
  it('counts lines from 1, the empty ones too', async () => {
    expect(await read('a\n\nb\n')).toEqual([
      { number: 1, text: 'a', tooLong: false },
      { number: 2, text: '', tooLong: false },
      { number: 3, text: 'b', tooLong: false },
    ])
  })

  it('gives the same lines wherever the stream is cut', async () => {
    const log = Buffer.from('eins\nzwei – drei\r\n\n🚿 vier')
    const whole = await texts(log)
    expect(whole).toEqual(['eins', 'zwei – drei', '', '🚿 vier'])
    for (let cut = 1; cut < log.length; cut++) {
      expect(await texts(log.subarray(0, cut), log.subarray(cut))).toEqual(whole)
    }
  })

  it('gives the last line without its end', async () => {
    expect(await texts('a\nb')).toEqual(['a', 'b'])
    expect(await texts('')).toEqual([])
  })

  it('drops the mark at the start that some editors write', async () => {
    expect(await texts('\ufeffa\n\ufeffb\n')).toEqual(['a', '\ufeffb'])
  })

  it('drops a line that is too long, in one piece or in many, and goes on with the next', async () => {
    const long = 'x'.repeat(LINE_LENGTH_MAX + 1)
    const expected = [
      { number: 1, text: 'a', tooLong: false },
      { number: 2, text: '', tooLong: true },
      { number: 3, text: 'b', tooLong: false },
    ]
    expect(await read(`a\n${long}\nb`)).toEqual(expected)
    expect(await read('a\n', long, long, long, '\nb')).toEqual(expected)
    expect(await read('a\n', long.slice(1), 'x', '\nb')).toEqual(expected)
  })

  it('keeps a line of just the length', async () => {
    expect(await read('x'.repeat(LINE_LENGTH_MAX))).toMatchObject([{ tooLong: false }])
  })

  it('takes bytes that are no UTF-8 for something unreadable, not for an end', async () => {
    expect(await texts(Buffer.from([0x61, 0xff, 0xfe, 0x62, 0x0a, 0x00, 0x63]))).toEqual([
      'a\ufffd\ufffdb',
      '\u0000c',
    ])
  })
})
