import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { LogError } from '../../../src/errors.js'
import { type OnBytes, openLog } from '../../../src/replay/log-source.js'

const folder = mkdtempSync(join(tmpdir(), 'sluice-log-source-'))
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

async function read(path: string, onBytes: OnBytes = () => {}): Promise<string> {
  const pieces: Buffer[] = []
  for await (const chunk of (await openLog(path, { onBytes })).chunks) pieces.push(chunk)
  return Buffer.concat(pieces).toString()
}

describe('openLog', () => {
  it('reads a file, and names it without its folders', async () => {
    const path = file('plain.log', 'a\nb\n')
    expect(await read(path)).toBe('a\nb\n')
    expect((await openLog(path)).name).toBe('plain.log')
  })

  it('tells gzip by its bytes, whatever the name', async () => {
    expect(await read(file('no-suffix', gzipSync('a\nb\n')))).toBe('a\nb\n')
    expect(await read(file('not-really.gz', 'a\n'))).toBe('a\n')
  })

  it('reads gzip files that were put one after the other', async () => {
    expect(await read(file('two.gz', Buffer.concat([gzipSync('a\n'), gzipSync('b\n')])))).toBe('a\nb\n')
  })

  it.each([
    ['', ''],
    ['x', 'x'],
    ['\x1f', '\x1f'],
  ])('reads a file of at most one byte: %j', async (content, expected) => {
    expect(await read(file('tiny', content))).toBe(expected)
  })

  it('counts the bytes of the file, not those that come out of it', async () => {
    const packed = gzipSync('x'.repeat(100_000))
    const counted: [number, number | undefined][] = []
    await read(file('counted.gz', packed), (readBytes, totalBytes) => counted.push([readBytes, totalBytes]))
    expect(counted.at(-1)).toEqual([packed.length, packed.length])
  })

  it('says which file it cannot read, and why', async () => {
    await expect(read(join(folder, 'missing.log'))).rejects.toThrow(/missing\.log: cannot be read \(ENOENT/)
    await expect(read(folder)).rejects.toThrow(/cannot be read \(EISDIR/)
  })

  it('says that gzip data is cut off or damaged, and what to do', async () => {
    const packed = gzipSync(Buffer.from(Array.from({ length: 5000 }, (_, index) => index % 251)))
    const damaged = Buffer.from(packed)
    damaged.fill(0xff, 20, 60)
    for (const content of [packed.subarray(0, packed.length - 12), damaged]) {
      const failure = read(file('broken.gz', content))
      await expect(failure).rejects.toThrow(LogError)
      await expect(failure).rejects.toThrow(
        /broken\.gz: the gzip data is damaged or cut off .* gzip -dc FILE/,
      )
    }
  })
})
