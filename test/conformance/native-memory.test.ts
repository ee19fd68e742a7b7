import { describe } from 'vitest'
import { NativeMemoryEngine } from '../../src/engine/native-memory-engine.js'
import { nativeBinding, withoutNative } from '../support/native.js'
import { describeEngine } from './engine-contract.js'
import { describeLimiter } from './limiter-contract.js'

describe.skipIf(withoutNative !== undefined)('in Rust', () => {
  describeEngine('the native memory engine', clock => new NativeMemoryEngine(nativeBinding(), { clock }))
  describeLimiter('native memory', () => ({ store: 'memory', native: 'require' }))
})
