import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { StoreUnavailableError, WrongTypeError } from '../../../src/errors.js'
import { tellableWords, withoutNames, wordsOf } from '../../../src/events/words.js'
import { warnProcess } from '../../../src/events.js'

const KEY = 'sl1:{4}:login:gcra:ada%40example.com'

describe('what is told of an error', () => {
  test('is what one of Sluice says, but for the key', () => {
    expect(tellableWords(new StoreUnavailableError('no server answers'))).toBe('no server answers')
    expect(tellableWords(new WrongTypeError('login', KEY))).toMatch(
      /^policy 'login': key '…' holds a value of/,
    )
  })

  test('is of any other its kind and where it was made', () => {
    const place = /^TypeError at \S*words\.test\.ts:\d+:\d+$/
    expect(tellableWords(new TypeError('no user ada@example.com'))).toMatch(place)
    expect(tellableWords(new TypeError('no such user\n    at ada (ada.ts:1:1)\n'))).toMatch(place)
  })

  test('is never what somebody has put in the place of its kind or its words', () => {
    const renamed = Object.assign(new Error('no'), { name: 'user ada@example.com' })
    expect(tellableWords(renamed)).toMatch(/^Error at /)
    const reworded = new Error('user ada@example.com\n    at ada (ada.ts:1:1)')
    expect(reworded.stack).toContain('user ada')
    reworded.message = 'nobody'
    expect(tellableWords(reworded)).toBe('Error')
    expect(tellableWords('ada@example.com')).toBe('a thrown string')
    expect(tellableWords(null)).toBe('a thrown null')
  })

  test.each([
    [Object.create(null), 'a thrown object'],
    [Object.assign(new Error('ada'), { stack: null }), 'Error'],
    [Object.assign(new Error('ada'), { message: 42 }), 'Error'],
    [Symbol('ada'), 'a thrown symbol'],
  ])('is something also of what has no words (%#)', (error, words) => {
    expect(tellableWords(error)).toBe(words)
    expect(withoutNames(`it failed: ${wordsOf(error)}`, error)).not.toContain('ada')
  })

  test('is left out of a sentence that has it', () => {
    const error = new RangeError('ada is too old')
    expect(withoutNames('a listener failed: ada is too old', error)).toMatch(
      /^a listener failed: RangeError at /,
    )
    expect(withoutNames('it failed: ada', 'ada')).toBe('it failed: a thrown string')
    expect(withoutNames('all is well', undefined)).toBe('all is well')
  })
})

describe('a warning of the process', () => {
  const silent = () => vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  let emitted: ReturnType<typeof silent>
  beforeEach(() => {
    emitted = silent()
  })
  afterEach(() => emitted.mockRestore())

  test('tells what may be told of an error, once', () => {
    warnProcess('it failed', new StoreUnavailableError('no server answers'))
    warnProcess('it failed: no server answers', new StoreUnavailableError('no server answers'))
    warnProcess('it failed', undefined)
    expect(emitted.mock.calls.map(([message]) => message)).toEqual([
      'it failed: no server answers',
      'it failed: no server answers',
      'it failed',
    ])
  })

  test('names no key and has a code', () => {
    const error = new WrongTypeError('login', KEY)
    warnProcess('it failed', error)
    warnProcess(`it failed: ${error.message}`, error)
    for (const [message, options] of emitted.mock.calls) {
      expect(message).toMatch(/^it failed: policy 'login': key '…' holds/)
      expect(options).toEqual({ type: 'SluiceWarning', code: 'ERR_SLUICE_WRONG_TYPE' })
    }
  })
})
