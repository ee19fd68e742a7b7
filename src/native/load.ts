import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { About, INTERFACE, isNativeBinding, type NativeBinding } from './binding.js'

/** A native module that this package can use, or why there is none. */
export type Loaded =
  | { readonly binding: NativeBinding; readonly problem?: undefined }
  | { readonly binding?: undefined; readonly problem: string }

/** The package: the sources and the built files that read it stand two folders below the root. */
const PACKAGE = new URL('../../', import.meta.url)
const Package = z.object({ version: z.string() })
/** What a platform says of itself that uses the GNU C library. */
const Report = z.object({ header: z.object({ glibcVersionRuntime: z.string().optional() }) })

const require = createRequire(import.meta.url)
let loaded: Loaded | undefined

/** The native module of this package for this platform. Looked for once. */
export function loadNative(): Loaded {
  loaded ??= loadNativeFrom(PACKAGE)
  return loaded
}

/**
 * Looks for the module where `scripts/build-native` puts it, and then for the package that has it ready-made.
 *
 * @param root folder of the package
 */
export function loadNativeFrom(root: URL): Loaded {
  const platform = platformName()
  const built = new URL(`native/bin/sluice.${platform}.node`, root)
  const readyMade = `sluice-native-${platform}`
  let path: string
  try {
    path = existsSync(built) ? fileURLToPath(built) : require.resolve(readyMade)
  } catch {
    return {
      problem:
        `there is no native module for ${platform}: neither native/bin/sluice.${platform}.node, ` +
        `as scripts/build-native makes it, nor the package ${readyMade}`,
    }
  }
  try {
    const binding: unknown = require(path)
    if (!isNativeBinding(binding)) return { problem: `${path} is not a native module of Sluice` }
    const problem = staleness(About.parse(binding.about()), root)
    return problem === undefined ? { binding } : { problem: `${path} is stale: ${problem}` }
  } catch (error) {
    return {
      problem: `${path} cannot be loaded: ${error instanceof Error ? error.message : 'it threw no error'}`,
    }
  }
}

/** In what a module was built for something other than this package. */
function staleness({ version, interface: spoken, manifestSha256 }: About, root: URL): string | undefined {
  const again = 'run scripts/build-native, or install the one of the same version'
  const own = Package.parse(JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))).version
  if (version !== own) return `it was built for version ${version}, and this is ${own}; ${again}`
  if (spoken !== INTERFACE) return `it speaks interface ${spoken}, and this package ${INTERFACE}; ${again}`
  const manifest = readFileSync(new URL('lua/manifest.json', root))
  if (createHash('sha256').update(manifest).digest('hex') === manifestSha256) return undefined
  return `it was built with other scripts than those of lua/manifest.json; ${again}`
}

/** As `linux-x64-gnu`, `linux-arm64-musl`, `darwin-arm64`. */
export function platformName(): string {
  const { platform, arch } = process
  if (platform !== 'linux') return `${platform}-${arch}`
  return `${platform}-${arch}-${hasGlibc() ? 'gnu' : 'musl'}`
}

function hasGlibc(): boolean {
  // Since Node 22.0, and not in its types yet.
  const report: NodeJS.ProcessReport & { excludeNetwork?: boolean } = process.report
  const { excludeNetwork = false } = report
  // It would ask for the names of all addresses that this process speaks with.
  report.excludeNetwork = true
  try {
    return Report.parse(report.getReport()).header.glibcVersionRuntime !== undefined
  } finally {
    report.excludeNetwork = excludeNetwork
  }
}
