import { setImmediate as turn } from 'node:timers/promises'
import { KeyValueEngine } from '../../src/engine/key-value-engine.js'
import type { KeyValueStore } from '../../src/engine/key-value-store.js'
import { createKeyBuilder } from '../../src/keys.js'
import { describeEngine } from './engine-contract.js'
import { describeLimiter } from './limiter-contract.js'

/** Answers when others have had their turn, as a store over a connection does. */
function slowStore(): KeyValueStore {
  const texts = new Map<string, string>()
  return {
    async get(key) {
      await turn()
      return texts.get(key) ?? null
    },
    async set(key, text) {
      await turn()
      texts.set(key, text)
    },
    async delete(key) {
      await turn()
      texts.delete(key)
    },
  }
}

describeEngine('the engine on a store of get and set', clock => {
  return new KeyValueEngine(slowStore(), createKeyBuilder(), clock)
})
describeLimiter('a store of get and set', () => ({ store: slowStore() }))
