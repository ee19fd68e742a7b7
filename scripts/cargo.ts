/** Whether the Rust workspace can be built on this machine. */
import { spawnSync } from 'node:child_process'
import { readText } from './files.ts'

export const MANIFEST = 'native/Cargo.toml'

/** Why it cannot; `undefined` when it can. */
export function whyNoCargo(): string | undefined {
  const { error, stdout } = spawnSync('cargo', ['--version'], { encoding: 'utf8' })
  if (error !== undefined) return 'there is no cargo in PATH'
  const version = /\d+\.\d+/.exec(stdout)?.[0]
  if (version === undefined) return '`cargo --version` tells no version'
  const oldest = /^rust-version = "(.+)"$/m.exec(readText(MANIFEST))?.[1] ?? ''
  return rank(version) < rank(oldest) ? `cargo is ${version}, and the crates need ${oldest}` : undefined
}

/** `1.88` → 1088 */
function rank(version: string): number {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return 1000 * major + minor
}
