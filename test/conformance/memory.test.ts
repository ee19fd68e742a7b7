import { MemoryEngine } from '../../src/engine/memory-engine.js'
import { describeEngine } from './engine-contract.js'
import { describeLimiter } from './limiter-contract.js'

describeEngine('the memory engine', clock => new MemoryEngine({ clock }))
describeLimiter('memory', () => ({ store: 'memory' }))
