/** Opens the file and tells whether it could; keeps it until its input ends. */
import { FileEngine } from '../../../../src/engine/file-engine.js'
import { isSluiceError } from '../../../../src/errors.js'

let engine: FileEngine | undefined
try {
  engine = new FileEngine({ path: process.argv[2] as string })
  console.log('open')
} catch (error) {
  if (!isSluiceError(error, 'ERR_SLUICE_FILE_LOCKED')) throw error
  console.log('locked')
}
for await (const _ of process.stdin);
await engine?.close()
