import { expect, test } from 'vitest'
import type { Engine } from '../../../src/engine/engine.js'
import { openEngine } from '../../../src/engine/open-engine.js'
import { createLimiter } from '../../../src/limiter.js'

test('an engine opened for a store decides what a limiter asks through one that stands before it', async () => {
  const store = openEngine({ store: 'memory', maxKeys: 10 })
  const asked: number[] = []
  const before: Engine = {
    source: store.source,
    decide(request, options) {
      asked.push(request.length)
      return store.decide(request, options)
    },
    ready: () => store.ready(),
    close: () => store.close(),
  }
  const limiter = createLimiter({ store: before, policies: { perUser: '1/m' } })
  expect((await limiter.check('perUser', 'ada')).allowed).toBe(true)
  expect((await limiter.check('perUser', 'ada')).allowed).toBe(false)
  expect(asked).toEqual([1, 1])
  await limiter.close()
})

test('options that no engine takes are refused by name', () => {
  expect(() => openEngine({ store: 'memroy' })).toThrow(/'memroy' is no store/)
  expect(() => openEngine({ policies: {} } as object)).toThrow(/policies/)
})
