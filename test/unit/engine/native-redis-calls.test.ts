import { describe, expect, test, vi } from 'vitest'
import { NativeRedisEngine } from '../../../src/engine/native-redis-engine.js'
import { NativeError } from '../../../src/errors.js'
import { createKeyBuilder } from '../../../src/keys.js'
import type { NativeBinding } from '../../../src/native/binding.js'
import { checkOf, perYear } from './limits.js'

const STORE = {
  nodes: [{ host: '127.0.0.1', port: 1 }],
  isCluster: false,
  database: 0,
  prefix: '',
  shards: 32,
  shared: true,
  tellsBatches: false,
}

/** A native module that never answers, until a test says what it does. */
class Silent {
  static made: Silent
  readonly wake: () => void
  readonly left: number[] = []
  answers: Float64Array = new Float64Array()
  texts: string[] = []

  constructor(_store: unknown, _numbers: unknown, _text: unknown, wake: () => void) {
    this.wake = wake
    Silent.made = this
  }

  attach(): void {}
  define(): void {}
  ready(): void {}
  memory(): void {}
  slots(): void {}
  close(): void {}
  leave(ticket: number): void {
    this.left.push(ticket)
  }
  submitter(): () => void {
    return () => {}
  }
  drainer(answers: Float64Array): () => void {
    this.answers = answers
    return () => {}
  }
  takeTexts(): string[] {
    return this.texts.splice(0)
  }

  /** Answers with these records. */
  answer(...numbers: number[]): void {
    this.answers.set([2 + numbers.length, 0, ...numbers])
    this.wake()
  }
}

/** Sends nothing. */
class Stopped extends Silent {
  override submitter(): () => void {
    return () => {
      throw new Error('it was closed, or has stopped')
    }
  }
}

function engineOf(
  NativeRedis: NativeBinding['NativeRedis'],
  onWarning: (message: string) => void = () => {},
) {
  const keyOf = createKeyBuilder()
  return new NativeRedisEngine(
    { NativeRedis },
    { store: STORE, keyOf, clock: undefined, onWarning, onBatch: undefined },
  )
}

const ask = (engine: NativeRedisEngine) => engine.decide([checkOf(perYear, 'ada')])

describe('the engine that asks Redis natively', () => {
  test('fails all that is under way, and all that comes after, when the other thread has panicked', async () => {
    const engine = engineOf(Silent)
    const under = [ask(engine), ask(engine), engine.ready()]
    Silent.made.texts.push('ERR_SLUICE_NATIVE', 'it panicked at driver.rs:7 and has stopped')
    Silent.made.answer(-1, -1, 0, 0, 0, 0)
    for (const call of [...under, ask(engine), engine.ready()]) {
      await expect(call).rejects.toThrow(NativeError)
      await expect(call).rejects.toThrow('it panicked at driver.rs:7')
    }
    await engine.close()
  })

  test('fails all that is under way where nothing can be sent any more', async () => {
    const engine = engineOf(Stopped)
    await expect(ask(engine)).rejects.toThrow('the native engine has stopped: it was closed, or has stopped')
    await expect(ask(engine)).rejects.toThrow(NativeError)
    await engine.close()
  })

  test('is not made with settings that cannot be used', () => {
    class Refusing extends Silent {
      constructor() {
        super(undefined, undefined, undefined, () => {})
        throw new Error('its settings cannot be used: Io')
      }
    }
    expect(() => engineOf(Refusing)).toThrow(NativeError)
    expect(() => engineOf(Refusing)).toThrow('its settings cannot be used')
  })

  test('tells as a warning what was lost and nobody asked for', () => {
    const warn = vi.fn()
    engineOf(Silent, warn)
    Silent.made.texts.push('ERR_SLUICE_CONNECTION_LOST', 'it stays counted until it drains')
    Silent.made.answer(-1, -1, 0, 0, 0, 0)
    expect(warn).toHaveBeenCalledExactlyOnceWith(
      'it stays counted until it drains',
      expect.objectContaining({ code: 'ERR_SLUICE_CONNECTION_LOST' }),
    )
  })

  test('says once that a caller has gone, and settles with what comes late all the same', async () => {
    const engine = engineOf(Silent)
    const caller = { isGone: false, waitsFor: undefined as { callerLeft(): void } | undefined }
    const call = engine.decide([checkOf(perYear, 'ada')], { caller })
    caller.waitsFor?.callerLeft()
    caller.waitsFor?.callerLeft()
    expect(Silent.made.left).toEqual([0])
    Silent.made.answer(0, 1, 5, 1, 1, 99, 0, 7, 5)
    expect(await call).toEqual({
      nowUs: 5,
      checks: [{ status: 1, granted: 1, remaining: 99, waitUs: 0, resetUs: 7 }],
    })
    caller.waitsFor?.callerLeft()
    expect(Silent.made.left).toEqual([0])
  })
})
