import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { createProgress } from '../../../src/cli/progress-bar.js'

function terminal(isTTY: boolean) {
  const stream = Object.assign(new PassThrough({ encoding: 'utf8' }), {
    isTTY,
    columns: 80,
    // What the bar asks of a terminal.
    clearLine: () => true,
    cursorTo: () => true,
    moveCursor: () => true,
  })
  return { stream, shown: (): string => stream.read() ?? '' }
}

describe('the progress bar', () => {
  it('shows on a terminal how much of the file was read, and goes away', () => {
    const { stream, shown } = terminal(true)
    const progress = createProgress(stream, 'reading')
    progress.onProgress(25, 100)
    progress.onProgress(50, 100)
    progress.stop()
    expect(shown()).toMatch(/reading ■+ .*25%/)
  })

  it('shows nothing to a file, nor for an input of unknown length', () => {
    const file = terminal(false)
    createProgress(file.stream, 'reading').onProgress(25, 100)
    expect(file.shown()).toBe('')

    const pipe = terminal(true)
    const progress = createProgress(pipe.stream, 'reading')
    progress.onProgress(25, undefined)
    progress.stop()
    expect(pipe.shown()).toBe('')
  })
})
